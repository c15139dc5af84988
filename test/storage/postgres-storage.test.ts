import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { isSystemError, type SystemError } from 'busline'
import { storageConformance } from '../../src/testing/index.js'
import { postgresStorage } from '../../src/storage/postgres/index.js'
import type { StorageOperation } from '../../src/storage/storage-driver.js'
import { describeModel } from './storage-model.js'
import { findPostgres, type PostgresServer, startPostgres } from './postgres-server.js'

const put = (key: string, value: unknown): StorageOperation => ({ type: 'put', key, value })
const faultOf = (promise: Promise<unknown>): Promise<SystemError> =>
  promise.then(
    () => Promise.reject(new Error('Expected a rejection')),
    (error: unknown) => (isSystemError(error) ? error : Promise.reject(error)),
  )

describe('postgresStorage() on PGlite', () => {
  let client: PGlite
  beforeAll(async () => {
    client = await PGlite.create()
  })
  afterAll(() => client.close())

  const create = async () => {
    await client.exec('DROP TABLE IF EXISTS busline_records, busline_migrations')
    return { open: () => postgresStorage({ client }) }
  }
  for (const { title, run } of storageConformance('postgres', create, { isDurable: true, values: 'json' }))
    it(title, run)
  describeModel(create, { runs: 20, canReopen: true })

  it('leaves a client that it was given open', async () => {
    const { open } = await create()
    const storage = open()
    await storage.commit([put('a', 1)])
    await storage.close()
    expect((await client.query('SELECT key FROM busline_records')).rows).toEqual([{ key: 'a' }])
  })

  it('names the record that is damaged and reads the others', async () => {
    const { open } = await create()
    await using storage = open()
    await storage.commit(['run/1', 'run/2', 'run/3'].map((key) => put(key, { secret: key })))
    await client.exec(`UPDATE busline_records SET json = replace(json, 'run/2', 'run/9') WHERE key = 'run/2'`)
    expect(await faultOf(storage.get('run/2'))).toMatchObject({ code: 'STORAGE', context: { key: 'run/2' } })
    expect(await faultOf(storage.scan({ prefix: '' }))).toMatchObject({ context: { key: 'run/2' } })
    for (const reverse of [false, true]) {
      const told: unknown[] = []
      const onDamaged = (error: SystemError) => told.push(error.context.key)
      const page = await storage.scan({ prefix: '', limit: 2, reverse, onDamaged })
      expect(page.map(({ key }) => key).sort()).toEqual(['run/1', 'run/3'])
      expect(told).toEqual(['run/2'])
    }
  })

  it('refuses tables that a newer Busline has changed', async () => {
    const { open } = await create()
    const storage = open()
    await storage.get('a')
    await storage.close()
    await client.exec(`INSERT INTO busline_migrations (id) VALUES ('9999_future')`)
    await using later = open()
    expect(await faultOf(later.get('a'))).toMatchObject({
      code: 'VERSION_MISMATCH',
      context: { migrations: ['9999_future'] },
    })
  })
})

describe('postgresStorage() without its packages', () => {
  it('says what to install', async () => {
    const missing = Object.assign(new Error("Cannot find package 'drizzle-orm'"), {
      code: 'ERR_MODULE_NOT_FOUND',
    })
    vi.doMock('../../src/storage/postgres/open-postgres.js', () => {
      throw missing
    })
    const error = await faultOf(postgresStorage({ connectionString: 'postgresql://nowhere' }).get('a'))
    vi.doUnmock('../../src/storage/postgres/open-postgres.js')
    expect(error).toMatchObject({ code: 'UNAVAILABLE' })
    expect(error.message).toContain('install the packages drizzle-orm and pg')
  })
})

/** A pool that, as `pg` asks, listens for idle connections that are lost: those it is still closing count too. */
function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config)
  pool.on('error', () => undefined)
  return pool
}

const binaries = findPostgres()
if (!binaries) {
  console.warn('NOT TESTED: PostgreSQL storage on a real server. Install it: apt-get install postgresql')
}

describe.skipIf(!binaries)('postgresStorage() on a PostgreSQL server', () => {
  let server: PostgresServer
  let admin: pg.Pool
  let schemas = 0
  beforeAll(async () => {
    server = await startPostgres(binaries!)
    admin = openPool({ connectionString: server.connectionString() })
  })
  afterAll(async () => {
    await admin.end()
    await server.remove()
  })

  const create = async () => {
    const schema = `case_${++schemas}`
    await admin.query(`CREATE SCHEMA ${schema}`)
    const connectionString = server.connectionString(schema)
    return {
      schema,
      connectionString,
      open: () => postgresStorage({ connectionString }),
      remove: async () => {
        await admin.query(`DROP SCHEMA ${schema} CASCADE`)
      },
    }
  }
  for (const { title, run } of storageConformance('postgres', create, { isDurable: true, values: 'json' }))
    it(title, run)
  describeModel(create, { runs: 15, canReopen: true })

  it('makes its tables once when many processes start at the same time', async () => {
    const { open, schema } = await create()
    const storages = Array.from({ length: 8 }, open)
    await Promise.all(storages.map((storage, index) => storage.commit([put(`k${index}`, index)])))
    const { rows } = await admin.query(`SELECT id FROM ${schema}.busline_migrations`)
    expect(rows).toEqual([{ id: '0001_records' }])
    expect(await storages[0]!.scan({ prefix: 'k' })).toHaveLength(8)
    await Promise.all(storages.map((storage) => storage.close()))
  })

  it('takes a pool that it was given, and leaves it open', async () => {
    const { connectionString } = await create()
    const pool = openPool({ connectionString })
    const storage = postgresStorage({ client: pool })
    await storage.commit([put('a', 1)])
    await storage.close()
    expect((await pool.query('SELECT key FROM busline_records')).rows).toEqual([{ key: 'a' }])
    await pool.end()
  })

  it('keeps what several processes do at once in some order: transfers lose nothing', async () => {
    const { open } = await create()
    const storages = [open(), open(), open()]
    const accounts = ['a', 'b', 'c', 'd']
    await storages[0]!.commit(accounts.map((account) => put(account, { balance: 100, version: 0 })))
    let transfers = 0
    const transfer = async (storage: (typeof storages)[number], round: number) => {
      const [from, to] = [accounts[round % 4]!, accounts[(round * 3 + 1) % 4]!]
      if (from === to) return
      const [source, target] = (await Promise.all([storage.get(from), storage.get(to)])) as {
        balance: number
        version: number
      }[]
      const moved = storage.commit([
        { type: 'expect', key: from, field: 'version', equals: source!.version },
        { type: 'expect', key: to, field: 'version', equals: target!.version },
        put(from, { balance: source!.balance - 1, version: source!.version + 1 }),
        put(to, { balance: target!.balance + 1, version: target!.version + 1 }),
      ])
      await moved.then(
        () => transfers++,
        (error: unknown) => expect(error).toMatchObject({ code: 'CONFLICT' }),
      )
    }
    await Promise.all(
      storages.map(async (storage, index) => {
        for (let round = 0; round < 40; round++) await transfer(storage, round + index)
      }),
    )
    const balances = (await storages[0]!.scan({ prefix: '' })).map(
      ({ value }) => value as { balance: number; version: number },
    )
    expect(balances.reduce((sum, { balance }) => sum + balance, 0)).toBe(400)
    expect(balances.reduce((sum, { version }) => sum + version, 0)).toBe(transfers * 2)
    expect(transfers).toBeGreaterThan(20)
    await Promise.all(storages.map((storage) => storage.close()))
  })

  it('says that a server has gone, loses nothing that was acknowledged, and goes on when it is back', async () => {
    const { open } = await create()
    await using storage = open()
    await storage.commit([put('acknowledged/before', 1)])
    const acknowledged = ['acknowledged/before']
    const errors: SystemError[] = []
    const commits = Array.from({ length: 300 }, async (_, index) => {
      // Spread over the life of the server: a turn of the loop for every few.
      for (let turn = 0; turn < index / 3; turn++) await new Promise(setImmediate)
      const key = `acknowledged/${String(index).padStart(3, '0')}`
      await storage.commit([put(key, index), put(`pair/${key}`, index)]).then(
        () => acknowledged.push(key),
        (error: SystemError) => errors.push(error),
      )
    })
    await Promise.all([server.kill(), ...commits])
    expect(await faultOf(storage.get('a'))).toMatchObject({
      code: 'STORAGE',
      context: { reason: 'unreachable' },
    })
    expect(errors.map(({ code }) => code)).toEqual(errors.map(() => 'STORAGE'))
    await server.restart()
    await storage.commit([put('after', 1)])
    const found = new Set((await storage.scan({ prefix: 'acknowledged/' })).map(({ key }) => key))
    expect(acknowledged.filter((key) => !found.has(key))).toEqual([])
    expect(await storage.scan({ prefix: 'pair/' })).toHaveLength(found.size - 1)
  })

  it('says that the outcome is unknown only when the connection was lost in COMMIT', async () => {
    const { connectionString } = await create()
    const pool = openPool({ connectionString, max: 1 })
    const storage = postgresStorage({ client: pool })
    await storage.commit([put('a', 1)])
    const loseConnectionAt = async (statement: RegExp, isApplied: boolean) => {
      const client = await pool.connect()
      const original = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>
      client.query = (async (...given: unknown[]) => {
        const text = typeof given[0] === 'string' ? given[0] : (given[0] as { text: string }).text
        if (!statement.test(text)) return original(...given)
        if (isApplied) await original(...given)
        throw new Error('Connection terminated unexpectedly')
      }) as never
      client.release()
      const error = await faultOf(storage.commit([put('a', 2)]))
      client.query = original as never
      return error.context
    }
    expect(await loseConnectionAt(/^\s*insert/i, false)).toMatchObject({
      reason: 'unreachable',
      isOutcomeUnknown: false,
    })
    expect(await storage.get('a')).toBe(1)
    expect(await loseConnectionAt(/^commit/i, true)).toMatchObject({
      reason: 'unreachable',
      isOutcomeUnknown: true,
    })
    expect(await storage.get('a')).toBe(2)
    await storage.close()
    await pool.end()
  })

  it('reports a server that only reads', async () => {
    const { connectionString, open } = await create()
    const storage = open()
    await storage.commit([put('a', 1)])
    await storage.close()
    // What a connection to a replica is like.
    const pool = openPool({
      connectionString: `${connectionString}%20-cdefault_transaction_read_only%3Don`,
    })
    const reader = postgresStorage({ client: pool })
    const error = await faultOf(reader.commit([put('a', 2)]))
    expect(error).toMatchObject({
      code: 'STORAGE',
      context: { reason: 'read-only', isOutcomeUnknown: false },
    })
    await reader.close()
    await pool.end()
  })
})
