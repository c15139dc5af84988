import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import type { PgliteClient } from 'drizzle-orm/pglite'
import type { Pool, PoolClient } from 'pg'
import type { PostgresTarget } from './postgres-storage.js'
import { PostgresRecords } from './postgres-records.js'

/** Connects, and brings the tables up to date. */
export async function openPostgres(target: PostgresTarget): Promise<PostgresRecords> {
  const records =
    'client' in target ? await fromClient(target.client) : await fromConnectionString(target.connectionString)
  try {
    await records.migrate()
    return records
  } catch (error) {
    await records.close()
    throw error
  }
}

async function fromConnectionString(connectionString: string): Promise<PostgresRecords> {
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({
    connectionString,
    application_name: 'busline',
    // One commits, the others read: commits share transactions, so more would not help.
    max: 4,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
    // A process that is frozen in the middle of a transaction must not hold its locks for ever.
    idle_in_transaction_session_timeout: 10_000,
  })
  // An idle connection that is lost is replaced when it is needed; without a listener it would end the process.
  pool.on('error', () => undefined)
  return fromPool(pool, () => pool.end())
}

async function fromClient(client: object): Promise<PostgresRecords> {
  if (!('waitReady' in client)) return fromPool(client as Pool, () => Promise.resolve())
  const { drizzle } = await import('drizzle-orm/pglite')
  return new PostgresRecords(drizzle({ client: client as PgliteClient }), () => Promise.resolve())
}

function fromPool(pool: Pool, end: () => Promise<void>): PostgresRecords {
  const known = new WeakSet<PoolClient>()
  const listen = (client: PoolClient) => {
    if (known.has(client)) return
    known.add(client)
    // The pool only listens to idle ones: a connection that is lost between two statements of a transaction would end
    // the process. The next statement fails, which is enough.
    client.on('error', () => undefined)
  }
  pool.on('acquire', listen)
  return new PostgresRecords(drizzlePg({ client: pool }), () => {
    pool.off('acquire', listen)
    return end()
  })
}
