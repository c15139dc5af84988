/** Busline on a PostgreSQL server. */
import { postgresStorage } from '../../dist/storage/postgres/index.js'
import { openBusline, runsPerSecond } from './orders.mjs'
import { withPostgres } from './with-postgres.mjs'

await withPostgres(async (server) => {
  const storage = postgresStorage({ connectionString: server.connectionString() })
  const { run, close } = await openBusline(storage)
  const figure = await runsPerSecond(run)
  await close()
  await storage.close()
  return figure
})
