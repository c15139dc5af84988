/** DBOS on a PostgreSQL server. */
import { DBOS } from '@dbos-inc/dbos-sdk'
import { STAGES, runsPerSecond, work } from './orders.mjs'
import { withPostgres } from './with-postgres.mjs'

const orders = DBOS.registerWorkflow(
  async () => {
    const state = {}
    for (const stage of STAGES) Object.assign(state, await DBOS.runStep(() => work(stage), { name: stage }))
    return state
  },
  { name: 'orders' },
)

await withPostgres(async (server) => {
  // It wants an address that is an URL; the host in its options is the one that counts.
  const systemDatabaseUrl = server.connectionString().replace('@/', '@localhost/')
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl, logLevel: 'error' })
  await DBOS.launch()
  const figure = await runsPerSecond(() => orders())
  await DBOS.shutdown()
  return figure
})
