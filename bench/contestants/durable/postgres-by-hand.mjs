/** What Busline writes, written by hand with pg: 50 commits in a transaction, a statement for all that is put. */
import pg from 'pg'
import { grouped, recordCommits } from './orders.mjs'
import { withPostgres } from './with-postgres.mjs'

const RUNS = 2000
const INSERT =
  'INSERT INTO r SELECT * FROM unnest($1::text[], $2::text[], $3::integer[]) ' +
  'ON CONFLICT (key) DO UPDATE SET json = excluded.json, checksum = excluded.checksum'

await withPostgres(async (server) => {
  const groups = grouped(await recordCommits(RUNS))
  const client = new pg.Client({ connectionString: server.connectionString() })
  await client.connect()
  await client.query(
    'CREATE TABLE r (key text COLLATE "C" PRIMARY KEY, json text NOT NULL, checksum integer NOT NULL)',
  )
  const startedAt = performance.now()
  for (const operations of groups) {
    const last = new Map(operations.map(({ key, json }) => [key, json]))
    const put = [...last].filter(([key, json]) => key !== undefined && json !== undefined)
    const deleted = [...last].filter(([key, json]) => key !== undefined && json === undefined)
    await client.query('BEGIN')
    if (deleted.length > 0) {
      await client.query('DELETE FROM r WHERE key = ANY($1::text[])', [deleted.map(([key]) => key)])
    }
    await client.query(INSERT, [put.map(([key]) => key), put.map(([, json]) => json), put.map(() => 1)])
    await client.query('COMMIT')
  }
  const figure = (RUNS / (performance.now() - startedAt)) * 1000
  await client.end()
  return figure
})
