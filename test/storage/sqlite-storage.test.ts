import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  openSqliteDatabase,
  SQLITE_ENGINES,
  type SqliteEngine,
} from '../../src/storage/sqlite/sqlite-database.js'
import { sqliteStorage } from '../../src/storage/sqlite/index.js'
import { storageConformance } from '../../src/testing/index.js'
import { describeModel } from './storage-model.js'

const canLoad = (engine: SqliteEngine) =>
  openSqliteDatabase(':memory:', [engine]).then(
    (database) => (database.close(), true),
    () => false,
  )
const engines: SqliteEngine[] = []
for (const engine of SQLITE_ENGINES) {
  if (await canLoad(engine)) engines.push(engine)
  else
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
  })
})
