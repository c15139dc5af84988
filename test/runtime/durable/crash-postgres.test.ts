import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresStorage } from '../../../src/storage/postgres/index.js'
import { findPostgres, type PostgresServer, startPostgres } from '../../storage/postgres-server.js'
import { trackCalls } from '../../storage/track-calls.js'
import { type Place, type Point, countCalls, deaths, strike, survive } from './crash-points.js'

/** `CRASH_POINTS=all` strikes at each operation; without it a sample is struck. */
const isFull = process.env['CRASH_POINTS'] === 'all'
const total = await countCalls()

/** The scenario, struck before or after every `step`th of its storage operations, beginning with `first`. */
function sample(step: number, first: number): readonly Point[] {
  const places = Array.from({ length: total }, (_, index) => index + 1)
  return deaths.flatMap((death, offset) =>
    places
      .filter((at) => isFull || at % step === (first + offset) % step)
      .map((at) => ({ name: `kill ${death.when} ${at}`, lives: [strike({ ...death, at })] })),
  )
}

/** An empty store that each process connects to anew. */
async function onServer(connectionString: string): Promise<Place> {
  await using storage = postgresStorage({ connectionString })
  await storage.commit([{ type: 'deletePrefix', prefix: '' }])
  return tracked(() => postgresStorage({ connectionString }))
}

function tracked(open: () => ReturnType<typeof postgresStorage>): Place {
  let settle: ReturnType<typeof trackCalls>['settle'] = () => Promise.resolve()
  return {
    open() {
      const { storage, settle: own } = trackCalls(open())
      settle = own
      return storage
    },
    close: (store) => store.close(),
    settle: (clock) => settle(clock),
  }
}

async function surviveAll(points: readonly Point[], place: () => Promise<Place>): Promise<void> {
  const broken: string[] = []
  let survived = 0
  for (const point of points) {
    const found = await survive(point, await place())
    if (found.length === 0) survived++
    broken.push(...found)
    if (broken.length > 20) break
  }
  console.log(`crash enumeration: ${survived} of ${points.length} points survived, of ${2 * total}`)
  expect(broken).toEqual([])
  expect(survived).toBe(points.length)
}

describe('killed at one of its storage operations, a process leaves runs that go on', () => {
  it('from PGlite', async () => {
    const client = await PGlite.create()
    await surviveAll(sample(120, 7), async () => {
      await client.exec('DROP TABLE IF EXISTS busline_records, busline_migrations')
      return tracked(() => postgresStorage({ client }))
    })
    await client.close()
  }, 3_600_000)

  const binaries = findPostgres()
  if (!binaries) {
    console.warn('NOT TESTED: crashes on a PostgreSQL server. Install it: apt-get install postgresql')
  }

  describe.skipIf(!binaries)('from a PostgreSQL server', () => {
    let server: PostgresServer
    beforeAll(async () => void (server = await startPostgres(binaries!)), 120_000)
    afterAll(() => server.remove())

    it('of which no acknowledged commit is lost', async () => {
      const points = sample(60, 31)
      expect(points.length).toBeGreaterThan(5)
      await surviveAll(points, () => onServer(server.connectionString()))
    }, 36_000_000)
  })
})
