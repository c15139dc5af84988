import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSqliteDatabase } from '../../src/storage/sqlite/sqlite-database.js'
import { sqliteStorage } from '../../src/storage/sqlite/index.js'
import type { StorageOperation } from '../../src/storage/storage-driver.js'
import { SqliteConnection, checked, loadableEngines, put } from './sqlite-connection.js'
import { Model, key, prefix, scan, value } from './storage-model.js'

let folder = ''
let files = 0
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'busline-recent-'))))
afterAll(() => rmSync(folder, { recursive: true }))
const newFile = () => join(folder, `${++files}.db`)

describe.each(await loadableEngines())('what was written last, on %s', (engine) => {
  const pages = (file: string) => Math.floor(statSync(`${file}-wal`).size / 4120)
  it('is one page a transaction, however many prefixes its records have', async () => {
    const file = newFile()
    const one = await SqliteConnection.open(file, engine)
    const { records } = one
    one.fill()
    const commit = (number: number) =>
      records.apply([
        checked(['run', 'claim', 'history', 'ended'].map((each) => put(`${each}/${number}`, number))),
      ])
    const changed = Array.from({ length: 6 }, (_, number) => {
      const before = pages(file)
      commit(number)
      return pages(file) - before
    })
    // One of them finds the slots full.
    expect(changed.sort((few, many) => few - many).slice(0, 5)).toEqual([1, 1, 1, 1, 1])
    one.crash()
  })

  it('is found by whoever opens the file after a crash, and by whoever has it open', async () => {
    const file = newFile()
    const one = await SqliteConnection.open(file, engine)
    const other = await SqliteConnection.open(file, engine)
    one.commit(put('a', 1), put('b', { text: 'ü€😀'.repeat(300) }))
    one.commit({ type: 'delete', key: 'a' }, put('c', 3))
    expect(one.keysInTable()).toEqual([])
    const all = [
      { key: 'b', value: { text: 'ü€😀'.repeat(300) } },
      { key: 'c', value: 3 },
    ]
    expect(other.scan({ prefix: '' })).toEqual(all)
    expect(other.records.get('a')).toBeUndefined()
    one.crash()
    other.crash()
    const later = await SqliteConnection.open(file, engine)
    expect(later.scan({ prefix: '' })).toEqual(all)
    later.crash()
  })

  it('stands with all other records when the file has been closed', async () => {
    const file = newFile()
    const storage = sqliteStorage({ file, engine })
    for (let number = 0; number < 5; number++) await storage.commit([put(`k/${number}`, number)])
    await storage.commit([{ type: 'delete', key: 'k/0' }])
    await storage.close()
    const database = await openSqliteDatabase(file, [engine])
    expect(database.prepare('SELECT * FROM busline_recent').all()).toEqual([])
    const rows = database.prepare('SELECT key FROM busline_records').all() as { key: string }[]
    expect(rows.map((row) => row.key)).toEqual(['k/1', 'k/2', 'k/3', 'k/4'])
    database.close()
  })

  it('is moved where another process writes, which appends nothing itself and leaves nothing to be read in vain', async () => {
    const file = newFile()
    const one = await SqliteConnection.open(file, engine)
    const other = await SqliteConnection.open(file, engine)
    one.fill()
    one.commit(put('a', 1))
    other.commit(put('b', 2))
    one.commit(put('c', 3))
    expect(other.keysInTable()).toEqual(['a', 'b', 'c', 'filler/0', 'filler/1', 'filler/2'])
    expect(other.slots()).toEqual({ written: 0, haveMoved: false })
    one.crash()
    other.crash()
  })

  it('is read as it was at one time, and at once, while another process writes without a pause', async () => {
    const file = newFile()
    const writer = await SqliteConnection.open(file, engine, { slots: 256 })
    let count = 0
    const write = () => writer.commit(put('a', ++count), put('b', count))
    write()
    let calls = 0
    /** What another process may do between any two statements. */
    const meanwhile = <T>(result: T): T => {
      calls++
      write()
      if (count % 50 === 0) writer.commit(put('long', 'x'.repeat(5000)))
      return result
    }
    const reader = await SqliteConnection.open(file, engine, {
      wrap: (database) => ({
        exec: (sql) => database.exec(sql),
        close: () => database.close(),
        prepare(sql) {
          const statement = database.prepare(sql)
          return {
            get: (...values) => meanwhile(statement.get(...values)),
            all: (...values) => meanwhile(statement.all(...values)),
            run: (...values) => meanwhile(statement.run(...values)),
          }
        },
      }),
    })
    for (let scan = 0; scan < 40; scan++) {
      calls = 0
      const [a, b] = reader.scan({ prefix: '', limit: 2 })
      expect(a).toMatchObject({ key: 'a' })
      expect(b).toEqual({ key: 'b', value: a!.value })
      expect(calls).toBeLessThan(8)
    }
    reader.crash()
    writer.crash()
  })

  it('is left where it is by who only reads', async () => {
    const file = newFile()
    const one = await SqliteConnection.open(file, engine)
    one.commit(put('a', 1))
    const reader = await SqliteConnection.open(file, engine)
    expect(reader.scan({ prefix: '' })).toEqual([{ key: 'a', value: 1 }])
    reader.records.close()
    expect(one.slots()).toEqual({ written: 1, haveMoved: false })
    one.crash()
  })

  it('is not appended where it is long, and appended again once short ones follow each other', async () => {
    const file = newFile()
    const one = await SqliteConnection.open(file, engine)
    one.commit(put('long', 'x'.repeat(5000)))
    one.commit(put('a', 1))
    expect(one.keysInTable()).toEqual(['a', 'long'])
    for (let number = 0; number < 8; number++) one.commit(put('a', number))
    one.commit(put('b', 1))
    expect(one.keysInTable()).toEqual(['a', 'long'])
    expect(one.scan({ prefix: '' }).map((record) => record.key)).toEqual(['a', 'b', 'long'])
    one.crash()
  })

  it('refuses who expects it to be absent, also where that is not asked but found out by writing', async () => {
    const file = newFile()
    const one = await SqliteConnection.open(file, engine)
    one.commit(put('k', { epoch: 1 }))
    expect(one.keysInTable()).toEqual([])
    const absent = { type: 'expect', key: 'k', field: 'epoch', equals: undefined } as const
    expect(one.commit(absent, put('k', { epoch: 2, data: 'x'.repeat(5000) }))).toBe('CONFLICT')
    expect(one.records.get('k')).toEqual({ epoch: 1 })
    one.crash()
  })

  it('does not bring back what was deleted, whatever was known of the table when it was written', async () => {
    const file = newFile()
    const one = await SqliteConnection.open(file, engine)
    one.commit(put('k', { epoch: 1 }), put('long', 'x'.repeat(70_000)))
    for (let number = 0; number < 10; number++) one.commit(put('calm', number))
    // Refused, so that nothing is known of `k`; and put by another commit of the group.
    const refused: StorageOperation[] = [
      { type: 'expect', key: 'k', field: 'epoch', equals: undefined },
      put('k', { epoch: 2 }),
    ]
    expect(one.records.apply([checked(refused), checked([put('k', { epoch: 3 })])])).toMatchObject([
      { code: 'CONFLICT' },
      undefined,
    ])
    one.commit({ type: 'delete', key: 'k' })
    one.fill()
    expect(one.records.get('k')).toBeUndefined()
    one.crash()
    const later = await SqliteConnection.open(file, engine)
    expect(later.records.get('k')).toBeUndefined()
    later.crash()
  })

  it(
    'is one with all other records, in any order of calls, on two connections, through crashes',
    { timeout: 120_000 },
    async () => {
      const operation: fc.Arbitrary<StorageOperation> = fc.oneof(
        { weight: 20, arbitrary: fc.record({ type: fc.constant('put' as const), key, value }) },
        { weight: 8, arbitrary: fc.record({ type: fc.constant('delete' as const), key }) },
        {
          weight: 6,
          arbitrary: fc.record({
            type: fc.constant('expect' as const),
            key,
            field: fc.constant('epoch'),
            equals: fc.option(fc.nat(2), { nil: undefined }),
          }),
        },
      )
      const long: fc.Arbitrary<StorageOperation> = fc.oneof(
        fc.record({ type: fc.constant('deletePrefix' as const), prefix }),
        fc.record({
          type: fc.constant('put' as const),
          key,
          value: fc
            .constantFrom(1500, 3900, 4100, 70_000)
            .map((length) => ({ epoch: 0, data: 'ä'.repeat(length) })),
        }),
      )
      const command = fc.oneof(
        {
          weight: 30,
          arbitrary: fc.record({
            type: fc.constant('commits' as const),
            commits: fc.array(fc.array(operation, { maxLength: 5 }), { minLength: 1, maxLength: 3 }),
          }),
        },
        {
          weight: 1,
          arbitrary: fc.record({ type: fc.constant('commits' as const), commits: fc.tuple(fc.tuple(long)) }),
        },
        { weight: 3, arbitrary: fc.record({ type: fc.constant('get' as const), key }) },
        { weight: 3, arbitrary: fc.record({ type: fc.constant('scan' as const), options: scan }) },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            { type: 'turn' as const },
            { type: 'crash' as const },
            { type: 'close' as const },
          ),
        },
      )
      let appended = 0
      let moved = 0
      await fc.assert(
        fc.asyncProperty(fc.array(command, { minLength: 30, maxLength: 90 }), async (commands) => {
          const file = newFile()
          const model = new Model()
          const open = () => SqliteConnection.open(file, engine)
          const connections = [await open(), await open()]
          let at = 0
          const all = model.scan.bind(model, { prefix: '' })
          for (const each of commands) {
            const one = connections[at]!
            if (each.type === 'commits') {
              const outcomes = one.records.apply(each.commits.map((operations) => checked(operations)))
              expect(outcomes.map((refusal) => refusal?.code ?? 'committed')).toEqual(
                each.commits.map((operations) => model.commit(operations)),
              )
            } else if (each.type === 'get') {
              expect(one.records.get(each.key)).toEqual(model.records.get(each.key))
            } else if (each.type === 'scan') {
              expect(one.scan(each.options)).toEqual(model.scan(each.options))
            } else if (each.type === 'turn') {
              at = 1 - at
            } else {
              if (each.type === 'crash') one.crash()
              else one.records.close()
              connections[at] = await open()
            }
          }
          for (const one of connections) expect(one.scan({ prefix: '' })).toEqual(all())
          const { written, haveMoved } = connections[0]!.slots()
          appended += written
          moved += haveMoved ? 1 : 0
          for (const one of connections) one.crash()
        }),
        { numRuns: 150 },
      )
      // It would say nothing if everything had gone straight to the table.
      expect(appended).toBeGreaterThan(300)
      expect(moved).toBeGreaterThan(50)
    },
  )
})
