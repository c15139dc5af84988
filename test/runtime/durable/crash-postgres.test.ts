import { PGlite } from '@electric-sql/pglite'
import { describe, expect, it } from 'vitest'
import { postgresStorage } from '../../../src/storage/postgres/index.js'
import { findPostgres, startPostgres } from '../../storage/postgres-server.js'
import { type Place, type Point, countCalls, deaths, strike, survive } from './crash-points.js'
import { trackedPlace } from './tracked-place.js'

/** `CRASH_POINTS=all` strikes at each operation; without it a sample is struck. */
const isFull = process.env['CRASH_POINTS'] === 'all'

/** Operations may meet in other ways from one time to the next: there may be so many fewer. */
const SPREAD = 2

/** The scenario, struck before or after every `step`th of its storage operations, beginning with `first`. */
function sample(total: number, step: number, first: number): readonly Point[] {
  const places = Array.from({ length: total - SPREAD }, (_, index) => index + 1)
  return deaths.flatMap((death, offset) =>
    places
      .filter((at) => isFull || at % step === (first + offset) % step)
      .map((at) => ({ name: `kill ${death.when} ${at}`, lives: [strike({ ...death, at })] })),
  )
}

async function surviveAll(step: number, first: number, place: () => Promise<Place>): Promise<void> {
  const total = await countCalls([], await place())
  const points = sample(total, step, first)
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
  expect(survived).toBeGreaterThan(3)
}

const binaries = findPostgres()
if (!binaries)
  console.warn('NOT TESTED: crashes on a PostgreSQL server. Install it: apt-get install postgresql')

describe('killed at one of its storage operations, a process leaves runs that go on', () => {
  it('from PGlite', async () => {
    const client = await PGlite.create()
    await surviveAll(70, 7, async () => {
      await client.exec('DROP TABLE IF EXISTS busline_records, busline_migrations')
      return trackedPlace(() => postgresStorage({ client }))
    })
    await client.close()
  }, 3_600_000)

  it.skipIf(!binaries)(
    'from a PostgreSQL server',
    async () => {
      await using server = await startPostgres(binaries!)
      const connectionString = server.connectionString()
      await surviveAll(8, 3, async () => {
        await using storage = postgresStorage({ connectionString })
        await storage.commit([{ type: 'deletePrefix', prefix: '' }])
        return trackedPlace(() => postgresStorage({ connectionString }))
      })
    },
    3_600_000,
  )
})
