import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSqliteDatabase, SQLITE_ENGINES } from '../../src/storage/sqlite/sqlite-database.js'
import { type StorageDriver, sqliteStorage } from '../../src/storage/sqlite/index.js'
import { storageConformance } from '../../src/testing/index.js'
import { loadableEngines } from './sqlite-connection.js'
import { describeModel } from './storage-model.js'

const engines = await loadableEngines()
for (const engine of SQLITE_ENGINES) {
  if (!engines.includes(engine))
    console.warn(`NOT TESTED: SQLite storage on ${engine}, which this Node (${process.version}) cannot load`)
}

let folder = ''
let files = 0
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'busline-sqlite-'))))
afterAll(() => rmSync(folder, { recursive: true }))
const newFile = () => join(folder, `${++files}.db`)

describe('sqliteStorage()', () => {
  it('finds an engine on this machine', () => {
    expect(engines).not.toEqual([])
  })

  describe.each(engines)('on %s', (engine) => {
    const create = () => {
      const file = newFile()
      return { open: () => sqliteStorage({ file, engine }) }
    }
    for (const { title, run } of storageConformance('sqlite', create, { isDurable: true, values: 'json' }))
      it(title, run)
    describeModel(create, { runs: 100, canReopen: true })

    it('lets the log grow to 4 000 pages, and no further', async () => {
      const file = newFile()
      await using storage = sqliteStorage({ file, engine })
      expect(await largestLog(storage, file)).toSatisfy((pages: number) => pages > 3900 && pages < 4100)
    })

    it('leaves the log of a database that was handed over as it was', async () => {
      const file = newFile()
      const database = await openSqliteDatabase(file, [engine])
      const storage = sqliteStorage({ database })
      expect(await largestLog(storage, file)).toSatisfy((pages: number) => pages > 900 && pages < 1100)
      await storage.close()
      database.close()
    })

    describe('shared by two processes', () => {
      const both = () => {
        const { open } = create()
        return { open: () => inTurns([open(), open()]) }
      }
      describeModel(both, { runs: 100, canReopen: true })

      const claim = (epoch: number) => ({ type: 'put', key: 'claim', value: { epoch } }) as const
      const expected = (equals?: number) =>
        ({ type: 'expect', key: 'claim', field: 'epoch', equals }) as const
      /** Two connections; of the claim that the other one made, the first has heard nothing. */
      const openClaimed = async () => {
        const { open } = create()
        const one = open()
        const other = open()
        await other.commit([claim(1)])
        const close = () => Promise.all([one.close(), other.close()])
        return { one, [Symbol.asyncDispose]: async () => void (await close()) }
      }

      it('judges a commit by what the other has written since', async () => {
        const { open } = create()
        await using one = open()
        await using other = open()
        await one.commit([expected(), claim(1)])
        await one.commit([expected(1), { type: 'put', key: 'state', value: 'of one' }])
        await other.commit([expected(1), claim(2)])
        const late = one.commit([expected(1), { type: 'put', key: 'state', value: 'late' }])
        await expect(late).rejects.toMatchObject({ code: 'CONFLICT' })
        await one.commit([expected(2), claim(3)])
        await one.commit([claim(4)])
        await one.commit([expected(4), { type: 'deletePrefix', prefix: 'cl' }])
        await one.commit([expected()])
        expect(await other.get('state')).toBe('of one')
      })

      it.each(['alone', 'beside others'])('refuses to create what the other has created, %s', async (how) => {
        await using claimed = await openClaimed()
        const { one } = claimed
        const taken = one.commit([expected(), claim(7), { type: 'put', key: 'state', value: 'taken' }])
        const beside = how === 'alone' ? undefined : one.commit([{ type: 'put', key: 'beside', value: 1 }])
        await expect(taken).rejects.toMatchObject({ code: 'CONFLICT', context: { key: 'claim' } })
        await beside
        expect(await one.get('claim')).toEqual({ epoch: 1 })
        expect(await one.get('state')).toBeUndefined()
        expect(await one.get('beside')).toBe(beside && 1)
      })

      it('refuses what expects a record to be absent that is there, and writes another', async () => {
        await using claimed = await openClaimed()
        const { one } = claimed
        const refused = one.commit([expected(), { type: 'put', key: 'state', value: 'refused' }])
        await expect(refused).rejects.toMatchObject({ code: 'CONFLICT' })
        expect(await one.get('state')).toBeUndefined()
      })

      it('judges a commit by what is there, although one of its group wanted to create it and was refused', async () => {
        await using claimed = await openClaimed()
        const { one } = claimed
        const refused = one.commit([
          expected(),
          { type: 'expect', key: 'other', field: 'epoch', equals: 1 },
          claim(7),
        ])
        const held = one.commit([expected(1), { type: 'put', key: 'state', value: 'held' }])
        await expect(refused).rejects.toMatchObject({ code: 'CONFLICT' })
        await held
        expect(await one.get('state')).toBe('held')
      })

      it.each([
        ['deleted', { type: 'delete', key: 'claim' }],
        ['deleted with its prefix', { type: 'deletePrefix', prefix: 'cl' }],
      ] as const)(
        'refuses to create what is there and %s by a later commit of the group',
        async (_, removal) => {
          await using claimed = await openClaimed()
          const { one } = claimed
          const taken = one.commit([expected(), claim(7)])
          const removed = one.commit([removal])
          await expect(taken).rejects.toMatchObject({ code: 'CONFLICT' })
          await removed
          expect(await one.get('claim')).toBeUndefined()
        },
      )
    })
  })
})

/** How many pages the log has after writing twice what it may hold, 16 records of a page to a commit. */
async function largestLog(storage: StorageDriver, file: string): Promise<number> {
  const value = 'x'.repeat(4000)
  for (let commit = 0; commit < 500; commit++) {
    await storage.commit(
      Array.from({ length: 16 }, (_, at) => ({ type: 'put', key: `${commit}/${at}`, value }) as const),
    )
  }
  return statSync(`${file}-wal`).size / 4120
}

/** Two connections as one storage: after each question the other one has its turn. */
function inTurns(storages: readonly [StorageDriver, StorageDriver]): StorageDriver {
  let turn = 0
  const next = () => storages[turn++ % 2]!
  return {
    name: 'sqlite',
    isDurable: true,
    get: (key) => next().get(key),
    scan: (options) => next().scan(options),
    commit: (operations) => storages[turn % 2]!.commit(operations),
    close: async () => void (await Promise.all(storages.map((each) => each.close()))),
    [Symbol.asyncDispose]: async () => void (await Promise.all(storages.map((each) => each.close()))),
  }
}
