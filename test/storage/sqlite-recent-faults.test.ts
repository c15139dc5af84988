import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isSystemError } from 'busline'
import type { SqliteDatabase } from '../../src/storage/sqlite/sqlite-database.js'
import { sqliteStorage } from '../../src/storage/sqlite/index.js'
import type { StorageOperation } from '../../src/storage/storage-driver.js'
import { SqliteConnection, isIntact, loadableEngines, put } from './sqlite-connection.js'
import { Model } from './storage-model.js'

let folder = ''
let files = 0
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'busline-recent-'))))
afterAll(() => rmSync(folder, { recursive: true }))
const newFile = () => join(folder, `${++files}.db`)

const PAGE_BYTES = 4096

/** A database whose call number `at` fails: before the engine has done it, or after. */
class FailingCalls {
  calls = 0
  hasFailed = false
  isCounting = false
  constructor(at: number, when: 'before' | 'after', code: readonly [name: string, number: number]) {
    Object.assign(this, { at, when, code })
  }
  declare readonly at: number
  declare readonly when: 'before' | 'after'
  declare readonly code: readonly [name: string, number: number]

  wrap(database: SqliteDatabase): SqliteDatabase {
    const call = <T>(action: () => T, isWrite: boolean): T => {
      if (!this.isCounting || this.calls++ !== this.at) return action()
      this.hasFailed = true
      const [name, number] = this.code
      const error = Object.assign(new Error(`injected ${name}`), { code: `SQLITE_${name}`, errcode: number })
      if (this.when === 'after' && isWrite) action()
      throw error
    }
    return {
      exec: (sql) => call(() => database.exec(sql), true),
      close: () => database.close(),
      prepare(sql) {
        const statement = database.prepare(sql)
        return {
          get: (...values) => call(() => statement.get(...values), !/^(SELECT|PRAGMA)/.test(sql)),
          all: (...values) => call(() => statement.all(...values), false),
          run: (...values) => call(() => statement.run(...values), true),
          ...(statement.raw ? { raw: (isRaw: boolean) => statement.raw!(isRaw) } : {}),
        }
      },
    }
  }
}

/** Appends, fills the slots, moves, deletes what was moved, writes what is long. */
const SCENARIO: readonly (readonly StorageOperation[])[] = [
  ...Array.from({ length: 14 }, (_, index) => [
    put(`run/${index % 4}`, { epoch: index }),
    put(`index/${index}`, 'i'.repeat(index * 100)),
    ...(index % 3 === 2 ? [{ type: 'delete', key: `index/${index - 1}` } as const] : []),
  ]),
  [{ type: 'expect', key: 'new', field: 'epoch', equals: undefined }, put('new', { epoch: 1 })],
  [put('long', 'l'.repeat(5000)), { type: 'delete', key: 'run/0' }],
  [{ type: 'deletePrefix', prefix: 'index/1' }, put('run/0', { epoch: 99 })],
]

describe.each(await loadableEngines())('what was written last, on %s,', (engine) => {
  describe.each([
    ['before', 'IOERR', 10],
    ['after', 'IOERR', 10],
    ['before', 'CORRUPT', 11],
    ['before', 'FULL', 13],
  ] as const)('when a call of the engine fails %s it is done, with %s,', (when, name, number) => {
    it('is there as a whole or not at all, and what comes after is judged by that', async () => {
      let points = 0
      for (let at = 0; ; at++) {
        const file = newFile()
        const failing = new FailingCalls(at, when, [name, number])
        const one = await SqliteConnection.open(file, engine, { wrap: (each) => failing.wrap(each) })
        failing.isCounting = true
        const model = new Model()
        for (const operations of SCENARIO) {
          const after = Object.assign(new Model(), { records: new Map(model.records) })
          after.commit(operations)
          let outcome: 'committed' | 'refused' | 'unknown' = 'committed'
          const hadFailed = failing.hasFailed
          try {
            expect(one.commit(...operations)).toBe('committed')
          } catch (error) {
            const isUnknown = isSystemError(error) && error.context.isOutcomeUnknown === true
            outcome = isUnknown ? 'unknown' : 'refused'
            // Whatever it was, the next call works again.
            expect([hadFailed, failing.hasFailed], String(error)).toEqual([false, true])
          }
          failing.isCounting = false
          const found = one.scan({ prefix: '' })
          failing.isCounting = !failing.hasFailed
          const possible = { committed: [after], refused: [model], unknown: [model, after] }[outcome]
          const next = possible.find(
            (each) => JSON.stringify(each.scan({ prefix: '' })) === JSON.stringify(found),
          )
          expect(next, `call ${at}: ${outcome}, but ${JSON.stringify(found)}`).toBeDefined()
          model.records = next!.records
        }
        one.crash()
        const later = await SqliteConnection.open(file, engine)
        expect(later.scan({ prefix: '' })).toEqual(model.scan({ prefix: '' }))
        later.records.close()
        if (!failing.hasFailed) break
        points++
      }
      expect(points).toBeGreaterThan(80)
    })
  })

  it('is kept where its place in the table is damaged; everything else is moved', async () => {
    const file = newFile()
    const keys = Array.from({ length: 50 }, (_, index) => `run/${index}`)
    const first = await SqliteConnection.open(file, engine)
    first.commit(...keys.map((key) => put(key, `value of ${key}.`.repeat(150))))
    first.records.close()
    const bytes = readFileSync(file)
    const page = Math.floor(bytes.indexOf('value of run/25.') / PAGE_BYTES)
    bytes.fill(0xff, page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
    writeFileSync(file, bytes)

    const damaged = await SqliteConnection.open(file, engine)
    expect(damaged.commit(put('run/25', 'again'), put('run/3', 'again'), put('new', 1))).toBe('committed')
    damaged.fill()
    expect(damaged.keysInTable()).toContain('new')
    expect(() => damaged.commit(put('run/25', 'x'.repeat(5000)))).toThrow()
    damaged.fill('more')
    const expected = { 'run/25': 'again', 'run/3': 'again', new: 1, 'run/1': 'value of run/1.'.repeat(150) }
    for (const [key, value] of Object.entries(expected)) expect(damaged.records.get(key)).toBe(value)
    damaged.records.close()

    const later = await SqliteConnection.open(file, engine)
    for (const [key, value] of Object.entries(expected)) expect(later.records.get(key)).toBe(value)
    expect(later.commit({ type: 'delete', key: 'run/25' })).toBe('committed')
    later.fill()
    expect(later.records.get('run/25')).toBeUndefined()
    later.crash()
  })

  it('is never taken for something else, whichever bit of it is flipped after a crash', async () => {
    const file = newFile()
    const earlier = await SqliteConnection.open(file, engine, { slots: 40 })
    earlier.fill('old', 30)
    earlier.crash()
    const one = await SqliteConnection.open(file, engine, { slots: 100 })
    const written = new Map<string, unknown>()
    const write = (key: string, value: unknown) => written.set(key, value) && one.commit(put(key, value))
    one.commit(put('gone', 'y'.repeat(40)))
    for (let index = 0; index < 6; index++) write(`run/${index}`, { text: `${index}`.repeat(40) })
    write('run/2', { text: 'z'.repeat(40) })
    one.commit({ type: 'delete', key: 'gone' })
    expect(one.keysInTable()).toEqual(['old/0', 'old/1', 'old/2'])
    one.database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all()
    const intact = readFileSync(file)
    one.crash()

    const seen = { intact: 0, oneDamaged: 0, refused: 0, missing: 0 }
    let found = 0
    const copy = newFile()
    for (const at of bytesOfSlots(intact)) {
      const bytes = Buffer.from(intact)
      bytes[at]! ^= 1 << (at % 8)
      writeFileSync(copy, bytes)
      const verdict = await judge(copy, written)
      seen[verdict]++
      if (verdict === 'missing') found += (await isIntact(copy, engine)) ? 0 : 1
      for (const suffix of ['-wal', '-shm']) rmSync(copy + suffix, { force: true })
    }
    console.info(`flipped bits of what was written last, on ${engine}: ${JSON.stringify(seen)}`)
    expect(seen.oneDamaged).toBeGreaterThan(60)
    expect(seen.refused).toBeGreaterThan(20)
    // As with any other record: a page that is said to be empty hides what is in it, and a check of the whole file finds it.
    expect(found).toBe(seen.missing)
    expect(seen.missing).toBeLessThan(20)
  })

  /** A part of those that are set, and of the others, which are many. `FLIPS=all` for each. */
  function bytesOfSlots(file: Buffer): number[] {
    const found: number[] = []
    for (let page = 0; page < file.length; page += PAGE_BYTES) {
      const bytes = file.subarray(page, page + PAGE_BYTES)
      const isSlot = /^[^]{0,96}\d+ \d+ \d+ +((run|old)\/\d|gone)?\0/.test(bytes.toString('latin1'))
      if (!isSlot) continue
      bytes.forEach((byte, at) => {
        const step = byte === 0 ? 300 : 3
        if (process.env['FLIPS'] === 'all' || at % step === 0) found.push(page + at)
      })
    }
    return found
  }

  async function judge(
    file: string,
    written: ReadonlyMap<string, unknown>,
  ): Promise<'intact' | 'oneDamaged' | 'refused' | 'missing'> {
    const storage = sqliteStorage({ file, engine })
    let failures = 0
    let missing = 0
    try {
      for (const [key, value] of [...written, ['gone', undefined] as const]) {
        try {
          const found = await storage.get(key)
          if (found === undefined && value !== undefined) missing++
          else expect(found).toEqual(value)
        } catch (error) {
          if (!isSystemError(error)) throw error
          expect(error.code).toBe('STORAGE')
          failures++
        }
      }
    } finally {
      await storage.close()
    }
    if (failures > written.size) return 'refused'
    if (missing > 0) return 'missing'
    return failures > 0 ? 'oneDamaged' : 'intact'
  }

  it('has its table made in a file of the first format', async () => {
    const file = newFile()
    const first = await SqliteConnection.open(file, engine)
    first.commit(put('a', 1))
    first.records.close()
    const old = await SqliteConnection.open(file, engine)
    old.database.exec('DROP TABLE busline_recent; UPDATE busline_format SET version = 1')
    old.crash()
    const now = await SqliteConnection.open(file, engine)
    now.commit(put('b', 2))
    expect(now.scan({ prefix: '' })).toMatchObject([{ key: 'a' }, { key: 'b' }])
    expect(now.database.prepare('SELECT version FROM busline_format').get()).toMatchObject({ version: 2 })
    now.crash()
  })
})
