import { afterAll, describe, expect, it } from 'vitest'
import { SystemError } from 'busline'
import { memoryStorage } from '../../../src/storage/memory-storage.js'
import type { StorageDriver } from '../../../src/storage/storage-driver.js'
import {
  type FaultInjectingDriver,
  type FaultPlan,
  type StorageFault,
  faultInjecting,
  sequentialIds,
} from '../../../src/testing/index.js'
import { createWorld, leftOver, live, violations } from './crash-scenario.js'

/**
 * Every storage operation of a scenario is a place to strike. `CRASH_POINTS=all` strikes at each of them; without it a
 * sample is struck, another one for each variant.
 */
const isFull = process.env['CRASH_POINTS'] === 'all'

let survived = 0
afterAll(() => console.log(`crash enumeration: ${survived} points survived`))

interface Point {
  readonly name: string
  /** What strikes the first process, the second, and so on; the last one is left in peace. */
  readonly lives: readonly FaultPlan[]
  /** Whether what was acknowledged may be lost, and has to be done again. */
  readonly isLossy?: boolean
}

const strike = (fault: StorageFault, plan: FaultPlan = {}): FaultPlan => ({ ...plan, faults: [fault] })

/** Lives through a point; the faults that never landed are violations, too. */
async function survive({ name, lives, isLossy = false }: Point, store: StorageDriver): Promise<string[]> {
  const world = createWorld(sequentialIds())
  const found: string[] = []
  for (let life = 0; ; life++) {
    if (life > lives.length + 1) return [`${name}: does not come to an end`]
    const plan = lives[life]
    const driver: FaultInjectingDriver = faultInjecting(store, { ...plan, isDurable: true })
    const { killed } = driver
    const isDone = await live({ storage: driver, world, killed }).catch((error: unknown) => error)
    if (isDone instanceof Error) return [`${name}: ${isDone.message}`]
    if (plan && !driver.hasLanded) found.push(`${name}: the fault of life ${life} never landed`)
    if (isDone && life >= lives.length - 1) break
    if (isLossy) world.acknowledged.clear()
  }
  // A process that stops may leave the last of its tidying to the next one.
  if ((await leftOver(store)).length > 0)
    await live({ storage: faultInjecting(store, { isDurable: true }), world })
  const broken = await violations(store, world, isLossy)
  return [...found, ...broken.map((each) => `${name}: ${each}`)]
}

async function surviveAll(points: readonly Point[]): Promise<void> {
  const broken: string[] = []
  for (const point of points) {
    const found = await survive(point, memoryStorage())
    if (found.length === 0) survived++
    broken.push(...found)
    if (broken.length > 20) break
  }
  expect(broken).toEqual([])
}

/** How many calls one process makes from its beginning to the end of all work. */
async function countCalls(lives: readonly FaultPlan[] = []): Promise<number> {
  const store = memoryStorage()
  const world = createWorld(sequentialIds())
  for (const plan of lives) {
    const driver = faultInjecting(store, { ...plan, isDurable: true })
    await live({ storage: driver, world, killed: driver.killed })
  }
  const driver = faultInjecting(store, { isDurable: true })
  await live({ storage: driver, world, killed: driver.killed })
  return driver.totalCalls
}

/** 1 to `count`: all, or every `step`th of them from a place that differs by variant. */
function places(count: number, step: number, offset = 0): readonly number[] {
  const all = Array.from({ length: count }, (_, index) => index + 1)
  return isFull ? all : all.filter((place) => (place + offset) % step === 0)
}

const total = await countCalls()

const deaths = (['before', 'after'] as const).map((when) => ({ type: 'kill' as const, when }))

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
    expect(await survive({ name: 'clean', lives: [] }, memoryStorage())).toEqual([])
    expect(total).toBeGreaterThan(100)
  })

  it.each(deaths)(
    'go on when the process dies $when it',
    async (death) => {
      const points = places(total, 3, death.when === 'after' ? 1 : 0).map((at) => ({
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
        places(total, 9, offset + flushEvery).map((at) => ({
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
          places(total, 9, offset + name.length).map((at) => ({
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
})
