import { type Clock, type StorageDriver, type StorageOperation, SystemError } from 'busline'
import { freezePlainData } from '../../../src/core/plain-data.js'
import type { SimulatedClock } from '../../../src/testing/index.js'

export const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

const never = () => new Promise<never>(() => {})

/** What becomes of a call to the store. */
export type Luck = 'good' | 'fails' | 'fails-perhaps' | 'fails-applied'

export interface HostSetting {
  /** How many turns the store takes before each call, and after it, round and round. */
  readonly turns: readonly number[]
  /** What becomes of each call, round and round. @default all is well */
  readonly luck?: readonly Luck[] | undefined
}

/**
 * The clock and the store as one process sees them. Frozen, it hears of neither until it is thawed; once it has crashed, never
 * again, and nothing that it asks for is done.
 */
export class FleetHost {
  readonly clock: Clock
  readonly storage: StorageDriver
  hasCrashed = false
  wasFrozen = false
  /** Whether the store does what it is asked for, from now on. */
  isLucky = false
  /** Told of each commit that is asked for. */
  onCommit: (operations: readonly StorageOperation[]) => void = () => {}
  readonly #setting: HostSetting
  #calls = 0
  #held: (() => void)[] | undefined
  readonly #timers = new Set<object>()

  constructor(clock: SimulatedClock, store: StorageDriver, setting: HostSetting) {
    this.#setting = setting
    this.storage = {
      ...store,
      name: store.name,
      get: (key) => this.#call(() => store.get(key)),
      scan: (options) => this.#call(() => store.scan(options)),
      commit: (operations) => {
        if (!this.hasCrashed) this.onCommit(operations)
        // What is given may be changed from here on.
        const own = operations.map((each) =>
          each.type === 'put' ? { ...each, value: freezePlainData(each.value) } : each,
        )
        return this.#call(() => store.commit(own))
      },
    }
    this.clock = this.#watch(clock)
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  freeze(): void {
    this.wasFrozen = true
    this.#held ??= []
  }

  thaw(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const each of held) each()
  }

  crash(): void {
    this.hasCrashed = true
    this.#held = undefined
    for (const timer of this.#timers) this.clock.clearTimeout(timer)
  }

  async #call<T>(ask: () => Promise<T>): Promise<T> {
    const { turns: waits, luck = ['good'] } = this.#setting
    const wait = waits[this.#calls % waits.length]! * 3
    const fate = this.isLucky ? 'good' : luck[this.#calls % luck.length]!
    this.#calls++
    await turns(wait)
    await this.#awake()
    const answer = await meet(fate, ask)
    await turns(wait)
    await this.#awake()
    return answer()
  }

  #awake(): Promise<void> | undefined {
    if (this.hasCrashed) return never()
    const held = this.#held
    return held && new Promise<void>((resolve) => held.push(resolve)).then(() => this.#awake())
  }

  #watch(clock: SimulatedClock): Clock {
    return {
      now: () => clock.now(),
      setTimeout: (callback, ms) => {
        if (this.hasCrashed || ms === Infinity) return undefined
        const timer = { handle: undefined as unknown }
        this.#timers.add(timer)
        const ring = () => {
          if (this.#held) this.#held.push(ring)
          else if (this.#timers.delete(timer)) callback()
        }
        timer.handle = clock.setTimeout(ring, ms)
        return timer
      },
      clearTimeout: (timer) => {
        if (this.#timers.delete(timer as object)) clock.clearTimeout((timer as { handle: unknown }).handle)
      },
    }
  }
}

async function meet<T>(fate: Luck, ask: () => Promise<T>): Promise<() => T> {
  const isOutcomeUnknown = fate !== 'fails'
  const failure = new SystemError('STORAGE', 'The store failed', { context: { isOutcomeUnknown } })
  const fail = () => {
    throw failure
  }
  if (fate === 'fails' || fate === 'fails-perhaps') return fail
  try {
    const value = await ask()
    return fate === 'fails-applied' ? fail : () => value
  } catch (error) {
    return () => {
      throw error
    }
  }
}
