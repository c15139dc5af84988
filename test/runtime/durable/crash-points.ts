import { memoryStorage } from '../../../src/storage/memory-storage.js'
import type { StorageDriver } from '../../../src/storage/storage-driver.js'
import {
  type FaultInjectingDriver,
  type FaultPlan,
  type SimulatedClock,
  type StorageFault,
  faultInjecting,
  sequentialIds,
} from '../../../src/testing/index.js'
import { createWorld, leftOver, live, violations } from './crash-scenario.js'

export interface Point {
  readonly name: string
  /** What strikes the first process, the second, and so on; the last one is left in peace. */
  readonly lives: readonly FaultPlan[]
  /** Whether what was acknowledged may be lost, and has to be done again. */
  readonly isLossy?: boolean
}

export const strike = (fault: StorageFault, plan: FaultPlan = {}): FaultPlan => ({ ...plan, faults: [fault] })

/** Opens the store again for each process, and settles what it does by itself. */
export interface Place {
  open(): StorageDriver | Promise<StorageDriver>
  close(store: StorageDriver): Promise<void>
  readonly settle?: (clock: SimulatedClock) => Promise<void>
}

export function inMemory(): Place {
  const store = memoryStorage()
  return { open: () => store, close: () => Promise.resolve() }
}

/** Lives through a point; the faults that never landed are violations, too. */
export async function survive({ name, lives, isLossy = false }: Point, place: Place): Promise<string[]> {
  const world = createWorld(sequentialIds())
  const found: string[] = []
  for (let life = 0; ; life++) {
    const plan = lives[life]
    const store = await place.open()
    const storage: FaultInjectingDriver = faultInjecting(store, { ...plan, isDurable: true })
    const isDone = await live({ ...place, storage, world, killed: storage.killed }).catch(
      (error: unknown) => error,
    )
    if (isDone instanceof Error) return [`${name}: ${isDone.message}`]
    if (plan && !storage.hasLanded) found.push(`${name}: the fault of life ${life} never landed`)
    // A process that stops may leave the last of its tidying to the next one.
    const isOver = isDone && life >= lives.length - 1 && (await leftOver(store)).length === 0
    if (isOver || life > lives.length + 2) {
      found.push(...(await violations(store, world, isLossy)))
      await place.close(store)
      return found.map((each) => `${name}: ${each}`)
    }
    await place.close(store)
    if (isLossy && !isDone) world.acknowledged.clear()
  }
}

/** How many calls one process makes from its beginning to the end of all work, after others that were struck. */
export async function countCalls(
  lives: readonly FaultPlan[] = [],
  place: Place = inMemory(),
): Promise<number> {
  const world = createWorld(sequentialIds())
  for (const plan of lives) await count(plan)
  return count({})

  async function count(plan: FaultPlan): Promise<number> {
    const store = await place.open()
    const storage = faultInjecting(store, { ...plan, isDurable: true })
    await live({ ...place, storage, world, killed: storage.killed })
    await place.close(store)
    return storage.totalCalls
  }
}

export const deaths = (['before', 'after'] as const).map((when) => ({ type: 'kill' as const, when }))
