/** Calls `measure` with the address of a PostgreSQL server of its own, and reports what that resolves to. */
import { findPostgres, startPostgres } from '../../../test/storage/postgres-server.ts'
import { report } from '../stopwatch.mjs'

export async function withPostgres(measure) {
  const binaries = findPostgres()
  if (!binaries) throw new Error('There is no PostgreSQL here: apt-get install postgresql')
  const server = await startPostgres(binaries)
  // It took too long: its server must not stay behind.
  process.once('SIGTERM', () => void server.remove().finally(() => process.exit(1)))
  try {
    report(await measure(server))
  } finally {
    await server.remove()
  }
}
