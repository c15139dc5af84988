import 'fake-indexeddb/auto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { SystemError } from 'busline'
import { indexedDbStorage } from '../../../src/storage/indexeddb/index.js'
import { sqliteStorage } from '../../../src/storage/sqlite/index.js'
import { type Place, type Point, countCalls, deaths, inMemory, strike, survive } from './crash-points.js'
import { trackedPlace } from './tracked-place.js'

/**
 * Every storage operation of a scenario is a place to strike. `CRASH_POINTS=all` strikes at each of them; without it a
 * sample is struck, another one for each variant.
 */
const isFull = process.env['CRASH_POINTS'] === 'all'

let survived = 0
afterAll(() => console.log(`crash enumeration: ${survived} points survived`))

async function surviveAll(points: readonly Point[], place: () => Place = inMemory): Promise<void> {
  const broken: string[] = []
  for (const point of points) {
    const found = await survive(point, place())
    if (found.length === 0) survived++
    broken.push(...found)
    if (broken.length > 20) break
  }
  expect(broken).toEqual([])
}

/** 1 to `count`: all, or every `step`th of them from a place that differs by variant. */
function places(count: number, step: number, offset = 0): readonly number[] {
  const all = Array.from({ length: count }, (_, index) => index + 1)
  return isFull ? all : all.filter((place) => (place + offset) % step === 0)
}

const total = await countCalls()

const failures: readonly { readonly name: string; readonly error: SystemError }[] = [
  {
    name: 'a failure',
    error: new SystemError('STORAGE', 'The disk is full', { context: { reason: 'full' } }),
  },
  {
    name: 'a failure of unknown outcome',
    error: new SystemError('STORAGE', 'The connection was lost', { context: { isOutcomeUnknown: true } }),
  },
  { name: 'a crowd', error: new SystemError('CAPACITY', 'Too many commits are pending') },
]

describe(`killed at one of ${total} storage operations, the runs`, () => {
  it('all happen without a fault', async () => {
    expect(await survive({ name: 'clean', lives: [] }, inMemory())).toEqual([])
    expect(total).toBeGreaterThan(100)
  })

  it.each(deaths)(
    'go on when the process dies $when it',
    async (death) => {
      const points = places(total, 2, death.when === 'after' ? 1 : 0).map((at) => ({
        name: `kill ${death.when} ${at}`,
        lives: [strike({ ...death, at })],
      }))
      await surviveAll(points)
    },
    600_000,
  )

  it.each([1, 4])(
    'go on when the power fails, with a flush per %i commits',
    async (flushEvery) => {
      const points = deaths.flatMap((death, offset) =>
        places(total, 4, offset + flushEvery).map((at) => ({
          name: `power ${death.when} ${at}, flush ${flushEvery}`,
          lives: [strike({ ...death, at, isPowerLoss: true }, { flushEvery })],
          isLossy: flushEvery > 1,
        })),
      )
      await surviveAll(points)
    },
    600_000,
  )

  it('go on when the next process dies in its recovery', async () => {
    const points: Point[] = []
    for (const first of places(total, 30, 11).filter((at) => !isFull || at % 6 === 0)) {
      const one = strike({ type: 'kill', when: 'after', at: first })
      const second = await countCalls([one])
      for (const at of places(second, 20, first)) {
        for (const death of deaths)
          points.push({
            name: `kill ${first}, then ${death.when} ${at}`,
            lives: [one, strike({ ...death, at })],
          })
      }
    }
    await surviveAll(points)
  }, 3_600_000)

  it.each(failures)(
    'go on when it meets $name',
    async ({ name, error }) => {
      const points = (['fail', 'fail-applied'] as const)
        .filter((type) => type === 'fail' || error.context['isOutcomeUnknown'] === true)
        .flatMap((type, offset) =>
          places(total, 4, offset + name.length).map((at) => ({
            name: `${type} ${name} ${at}`,
            lives: [strike({ type, at, error })],
          })),
        )
      await surviveAll(points)
    },
    600_000,
  )

  it('go on when it fails several times', async () => {
    const points = places(total, 20, 7).map((at) => ({
      name: `fail 5 times from ${at}`,
      lives: [strike({ type: 'fail', at, times: 5 })],
    }))
    await surviveAll(points)
  }, 600_000)

  it('go on from a SQLite file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'busline-crash-'))
    let files = 0
    const onFile = (): Place => {
      const file = join(folder, `${++files}.db`)
      return trackedPlace(() => sqliteStorage({ file }))
    }
    await surviveAll(sample('SQLite', 15), onFile)
    rmSync(folder, { recursive: true })
  }, 600_000)

  it('go on from IndexedDB', async () => {
    // Node 24 has Web Locks: this process would keep those of the ones that die in it, and gives them in real time.
    vi.stubGlobal('navigator', {})
    onTestFinished(() => void vi.unstubAllGlobals())
    let databases = 0
    const inDatabase = (): Place => {
      const name = `crash-${++databases}`
      return trackedPlace(() => indexedDbStorage({ name }))
    }
    await surviveAll(sample('IndexedDB', 30), inDatabase)
  }, 600_000)
})

function sample(name: string, step: number): readonly Point[] {
  return deaths.flatMap((death, offset) =>
    places(total, step, offset * 7).map((at) => ({
      name: `${name}: kill ${death.when} ${at}`,
      lives: [strike({ ...death, at })],
    })),
  )
}
