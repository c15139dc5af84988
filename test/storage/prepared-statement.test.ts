import { describe, expect, it } from 'vitest'
import { findTraits } from '../../src/storage/sqlite/engine-traits.js'
import { PreparedStatement } from '../../src/storage/sqlite/prepared-statement.js'
import {
  openSqliteDatabase,
  SQLITE_ENGINES,
  type SqliteDatabase,
  type SqliteEngine,
} from '../../src/storage/sqlite/sqlite-database.js'

const opened: { engine: SqliteEngine; open: () => Promise<SqliteDatabase> }[] = []
for (const engine of SQLITE_ENGINES) {
  const open = () => openSqliteDatabase(':memory:', [engine])
  const found = await open().catch(() => undefined)
  if (!found) continue
  found.close()
  opened.push({ engine, open })
}

describe.each(opened)('a statement of $engine', ({ open }) => {
  const prepareAll = async (mayWrite: boolean) => {
    const database = await open()
    database.exec('CREATE TABLE records (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)')
    const traits = findTraits(database, mayWrite)
    const prepare = (sql: string) => new PreparedStatement(database, sql, traits)
    const keys = prepare('SELECT key FROM records ORDER BY key')
    return {
      insert: prepare('INSERT INTO records VALUES (?, ?)'),
      field: prepare(`SELECT json_extract(?, '$.a') AS a`),
      keys: () => (keys.all([]) as { key: string }[]).map(({ key }) => key),
      database,
    }
  }

  it.each([true, false])(
    'goes on with new values after one that failed (may try writes: %s)',
    async (mayWrite) => {
      const { insert, field, keys, database } = await prepareAll(mayWrite)
      insert.write(['a', '1'])
      insert.write(['b', '1'])
      for (const again of ['c', 'd']) {
        expect(() => insert.write(['a', '2'])).toThrow('UNIQUE')
        insert.write([again, '1'])
        expect(() => field.get(['{nonsense'])).toThrow('JSON')
        expect(field.get([`{"a":"${again}"}`])).toMatchObject({ a: again })
      }
      expect(keys()).toEqual(['a', 'b', 'c', 'd'])
      database.close()
    },
  )

  it('says the one value there is', async () => {
    const { database } = await prepareAll(true)
    const version = new PreparedStatement(database, 'PRAGMA data_version', findTraits(database, true))
    expect([typeof version.value(), typeof version.value()]).toEqual(['number', 'number'])
    database.close()
  })

  it('begins and ends transactions, and begins one after it could not', async () => {
    const { insert, keys, database } = await prepareAll(true)
    const traits = findTraits(database, true)
    const begin = new PreparedStatement(database, 'BEGIN IMMEDIATE', traits)
    const commit = new PreparedStatement(database, 'COMMIT', traits)
    begin.write([])
    expect(() => begin.write([])).toThrow('transaction')
    insert.write(['a', '1'])
    commit.write([])
    expect(() => commit.write([])).toThrow('transaction')
    begin.write([])
    insert.write(['b', '1'])
    database.exec('ROLLBACK')
    begin.write([])
    insert.write(['c', '1'])
    commit.write([])
    expect(keys()).toEqual(['a', 'c'])
    database.close()
  })
})

describe('what is tried of an engine', () => {
  const pretending = (get: (values?: unknown) => unknown): SqliteDatabase => ({
    exec: () => undefined,
    prepare: () => ({ run: () => undefined, all: () => [], get: (...values: unknown[]) => get(values[0]) }),
    close: () => undefined,
  })

  it('leaves writes to `run` where `get` refuses them or says nothing of what it wrote', () => {
    const refusing = pretending(() => {
      throw new TypeError('This statement does not return data')
    })
    expect(findTraits(refusing, true)).toEqual({ takesArrays: false, getWrites: false })
    const silent = pretending((values) => (values ? { value: 'x' } : { value: 'a' }))
    expect(findTraits(silent, true)).toEqual({ takesArrays: true, getWrites: false })
  })

  it('writes nothing to a database that somebody else has', () => {
    const commands: string[] = []
    const database = pretending((values) => ({ value: values ? 'x' : 'a,b,c' }))
    const watched = { ...database, exec: (sql: string) => commands.push(sql) }
    expect(findTraits(watched, false)).toEqual({ takesArrays: true, getWrites: false })
    expect(commands).toEqual([])
  })
})
