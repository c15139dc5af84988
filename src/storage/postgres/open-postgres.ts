import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import type { PgliteClient } from 'drizzle-orm/pglite'
import type { Pool } from 'pg'
import { isSystemError } from '../../core/system-error.js'
import { sqlState } from './postgres-error.js'
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
    // For a server that has vanished and can no longer end the statement itself.
    query_timeout: 35_000,
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
  const database = drizzle({ client: client as PgliteClient })
  return new PostgresRecords(database, {
    end: () => Promise.resolve(),
    withConnection: (action) => action(database),
  })
}

function fromPool(pool: Pool, end: () => Promise<void>): PostgresRecords {
  return new PostgresRecords(drizzlePg({ client: pool }), {
    end,
    // Drizzle's own transaction on a pool never gives the connection back when BEGIN fails: four of those, and the pool
    // is empty for ever.
    async withConnection(action) {
      const client = await pool.connect()
      // The pool only listens to idle ones: a connection that is lost between two statements would end the process. The
      // next statement fails, which is enough.
      const ignore = () => undefined
      client.on('error', ignore)
      let isLost = false
      try {
        return await action(drizzlePg({ client }))
      } catch (error) {
        isLost = !isSystemError(error) && sqlState(error) === undefined
        throw error
      } finally {
        client.off('error', ignore)
        client.release(isLost)
      }
    },
  })
}
