/**
 * Commits per second of the SQL storages against the same rows written by hand with the same engine, in the same run.
 * One commit is what a stage of a durable run writes: a checkpoint of 2 KB and five timeline events of 300 B.
 *
 * `npx tsx bench/storage.ts [seconds per figure]`
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import {
  openSqliteDatabase,
  SQLITE_ENGINES,
  type SqliteEngine,
} from '../src/storage/sqlite/sqlite-database.js'
import { sqliteStorage } from '../src/storage/sqlite/sqlite-storage.js'
import { postgresStorage } from '../src/storage/postgres/index.js'
import type { StorageDriver, StorageOperation } from '../src/storage/storage-driver.js'
import { findPostgres, startPostgres } from '../test/storage/postgres-server.js'

type Synchronous = 'FULL' | 'NORMAL'

const seconds = Number(process.argv[2] ?? 2)
const ROUNDS = 3
const folder = mkdtempSync(join(tmpdir(), 'busline-bench-'))
let files = 0

const checkpoint = { state: 'x'.repeat(1900), address: { stage: 'charge' }, epoch: 1, version: 1 }
const event = { type: 'step:success', timestamp: 1_760_000_000_000, payload: { text: 'y'.repeat(230) } }

function recordsOf(commit: number): { key: string; value: unknown }[] {
  const run = String(commit % 1000).padStart(8, '0')
  const events = Array.from({ length: 5 }, (_, index) => ({
    key: `timeline/${run}/${String(commit * 5 + index).padStart(10, '0')}`,
    value: { ...event, seq: index },
  }))
  return [{ key: `run/${run}`, value: { ...checkpoint, seq: commit } }, ...events]
}

/** Commits per second by hand, `group` of them in a transaction; what is timed is only what SQLite does. */
async function rawSqlite(engine: SqliteEngine, synchronous: Synchronous, group: number): Promise<number> {
  const database = await openSqliteDatabase(join(folder, `${++files}.db`), [engine])
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}`)
  database.exec(
    'CREATE TABLE r (key TEXT PRIMARY KEY NOT NULL, json TEXT NOT NULL, checksum INTEGER NOT NULL)',
  )
  const put = database.prepare(
    'INSERT INTO r VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET json = excluded.json, checksum = excluded.checksum',
  )
  const begin = database.prepare('BEGIN IMMEDIATE')
  const end = database.prepare('COMMIT')
  let commits = 0
  let elapsedMs = 0
  while (elapsedMs < seconds * 1000) {
    const rows = Array.from({ length: group }, () => recordsOf(commits++))
      .flat()
      .map(({ key, value }) => ({ key, json: JSON.stringify(value) }))
    const startedAt = performance.now()
    begin.run()
    for (const { key, json } of rows) put.run(key, json, 1)
    end.run()
    elapsedMs += performance.now() - startedAt
  }
  database.close()
  return (commits / elapsedMs) * 1000
}

/** The same in PostgreSQL, over one connection: a statement for all rows of a group. */
async function rawPostgres(connectionString: string, group: number): Promise<number> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query('DROP TABLE IF EXISTS r')
  await client.query(
    'CREATE TABLE r (key text COLLATE "C" PRIMARY KEY, json text NOT NULL, checksum integer NOT NULL)',
  )
  const text =
    'INSERT INTO r SELECT * FROM unnest($1::text[], $2::text[], $3::integer[]) ' +
    'ON CONFLICT (key) DO UPDATE SET json = excluded.json, checksum = excluded.checksum'
  let commits = 0
  let elapsedMs = 0
  while (elapsedMs < seconds * 1000) {
    const rows = new Map(
      Array.from({ length: group }, () => recordsOf(commits++))
        .flat()
        .map(({ key, value }) => [key, JSON.stringify(value)]),
    )
    const values = [[...rows.keys()], [...rows.values()], Array.from(rows, () => 1)]
    const startedAt = performance.now()
    await client.query('BEGIN')
    await client.query({ text, values })
    await client.query('COMMIT')
    elapsedMs += performance.now() - startedAt
  }
  await client.end()
  return (commits / elapsedMs) * 1000
}

/** Commits per second through the storage, by `concurrency` callers that each await their own; everything is timed. */
async function ours(driver: StorageDriver, concurrency: number): Promise<number> {
  await using storage = driver
  await storage.commit([{ type: 'deletePrefix', prefix: '' }])
  let commits = 0
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  const commitUntilEnd = async () => {
    while (performance.now() < endsAt) {
      const operations = recordsOf(commits++).map((record): StorageOperation => ({ type: 'put', ...record }))
      await storage.commit(operations)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, commitUntilEnd))
  return (commits / (performance.now() - startedAt)) * 1000
}

const median = (figures: number[]) => figures.sort((one, other) => one - other)[figures.length >> 1]!
const format = (figure: number) => Math.round(figure).toLocaleString('en').padStart(9)

async function engineLoads(engine: SqliteEngine): Promise<boolean> {
  return openSqliteDatabase(':memory:', [engine]).then(
    (database) => (database.close(), true),
    () => false,
  )
}

interface Contest {
  readonly engine: string
  readonly setting: string
  readonly raw: (group: number) => Promise<number>
  readonly open: () => StorageDriver
}

async function hold({ engine, setting, raw, open }: Contest): Promise<void> {
  for (const concurrency of [1, 50]) {
    const figures: { raw: number[]; ours: number[] } = { raw: [], ours: [] }
    for (let round = 0; round < ROUNDS; round++) {
      figures.raw.push(await raw(concurrency))
      figures.ours.push(await ours(open(), concurrency))
    }
    const [floor, own] = [median(figures.raw), median(figures.ours)]
    const ratio = (own / floor).toFixed(2).padStart(10)
    const cells = [engine.padEnd(14), setting.padEnd(11), String(concurrency).padStart(7)]
    console.log(`| ${cells.join(' | ')} | ${format(floor)} | ${format(own)} | ${ratio} |`)
  }
}

console.log(`Node ${process.version}, median of ${ROUNDS} rounds of ${seconds} s, commits per second\n`)
console.log('| engine         | synchronous | at once |       raw |      ours | ours / raw |')
console.log('| -------------- | ----------- | ------- | --------- | --------- | ---------- |')
try {
  for (const engine of SQLITE_ENGINES) {
    if (!(await engineLoads(engine))) continue
    for (const synchronous of ['FULL', 'NORMAL'] as const) {
      await hold({
        engine,
        setting: synchronous,
        raw: (group) => rawSqlite(engine, synchronous, group),
        open: () => sqliteStorage({ file: join(folder, `${++files}.db`), engine, synchronous }),
      })
    }
  }
  const binaries = findPostgres()
  if (binaries) {
    await using server = await startPostgres(binaries)
    const connectionString = server.connectionString()
    await hold({
      engine: 'PostgreSQL',
      setting: 'on',
      raw: (group) => rawPostgres(connectionString, group),
      open: () => postgresStorage({ connectionString }),
    })
  }
} finally {
  rmSync(folder, { recursive: true })
}
