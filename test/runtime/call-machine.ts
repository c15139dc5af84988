import {
  type AnyPipeline,
  type ModeOptions,
  type RegistrationOptions,
  type StepContext,
  type StorageDriver,
  MemoryTimelineStore,
  WorkflowRuntime,
  createEventBus,
} from 'busline'
import { sequentialIds, simulatedClock } from '../../src/testing/index.js'
import { quietLogger } from './open-runtime.js'
import { type Plan, plannedPipeline } from './planned-pipeline.js'

/** How the workflow, its registration and its store are. */
export interface Setting {
  readonly mode: ModeOptions
  readonly gates: RegistrationOptions
  /** Which hooks take time. */
  readonly hooks: readonly ('onPrepare' | 'onResume' | 'onComplete')[]
  /** Whether `stop()` lets runs end first. */
  readonly drain: boolean
  readonly compensate: boolean
  /** How many turns the store takes for each call, round and round. */
  readonly turnsOfStore: readonly number[]
}

export const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

/** A machine with at most one process at a time, and what went wrong on it. */
export class Machine {
  readonly clock = simulatedClock()
  readonly faults: string[] = []
  readonly ends = new Map<string, string[]>()
  readonly #ids = sequentialIds()
  readonly #setting: Setting
  readonly #store: StorageDriver | undefined
  readonly #pending = new Set<string>()
  #calls = 0
  /** Why nothing may begin any more. */
  #left: string | undefined

  constructor(setting: Setting, store: StorageDriver | undefined) {
    this.#setting = setting
    this.#store = store && this.#slow(store, setting.turnsOfStore)
  }

  async open() {
    const { clock, faults } = this
    const bus = createEventBus({ clock, ids: sequentialIds(), onError: () => {} })
    const runtime = new WorkflowRuntime({
      bus,
      clock,
      ids: this.#ids,
      logger: quietLogger,
      hookTimeout: 20,
      ...(this.#store ? { storage: this.#store } : { timelineStore: new MemoryTimelineStore() }),
    })
    this.#left = undefined
    const hook = () => this.#later(3)
    const wanted = Object.fromEntries(this.#setting.hooks.map((name) => [name, hook]))
    const registered = runtime.register(
      { id: 'w', triggers: { go: { event: 'go' } }, pipelines: { main: this.#pipeline() } },
      {
        mode: this.#setting.mode,
        ...this.#setting.gates,
        ...wanted,
        onDispatch: ({ outcome }) => this.#begins(`The receipt "${outcome}"`),
        onComplete: (result) => {
          const { runId } = result.metadata
          const end = result.ok ? result.value.status : result.metadata.status
          this.ends.set(runId, [...(this.ends.get(runId) ?? []), end])
          return wanted['onComplete']?.()
        },
      },
    )
    await registered
    const stop = () => {
      this.call(
        'stop',
        runtime.stop({ drain: this.#setting.drain, timeout: 5 }).then(() => void (this.#left = 'stop')),
      )
    }
    const deregister = () => {
      const left = runtime.deregister('w').then(() => void (this.#left ??= 'deregister'))
      this.call(
        'deregister',
        left.catch(() => {}),
      )
    }
    return { bus, runtime, stop, deregister, faults }
  }

  /** Something that must settle. */
  call(what: string, promise: Promise<unknown>): void {
    const name = `${what} (${this.#calls++})`
    this.#pending.add(name)
    void promise.then(() => this.#pending.delete(name))
  }

  /** After this much time nothing may be under way. */
  async rest(): Promise<void> {
    await this.clock.advance('5m')
    for (const each of this.#pending) this.faults.push(`${each} never settled`)
    if (this.clock.pendingTimers > 0) this.faults.push(`${this.clock.pendingTimers} timers are left`)
  }

  #slow(store: StorageDriver, waits: readonly number[]): StorageDriver {
    let calls = 0
    const wait = () => turns(waits[calls++ % waits.length]! * 3)
    return {
      ...store,
      get: async (key) => (await wait(), store.get(key)),
      scan: async (options) => (await wait(), store.scan(options)),
      commit: async (operations) => {
        if (this.#left === 'stop') this.#begins('A commit')
        await wait()
        await store.commit(operations)
      },
    }
  }

  #begins(what: string): void {
    if (this.#left) this.faults.push(`${what} came after ${this.#left}()`)
  }

  #later(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimeout(resolve, ms))
  }

  #work(what: Plan['work'], context: StepContext): Promise<void> | undefined {
    this.#begins(`A step of ${context.runId}`)
    if (this.ends.has(context.runId)) this.faults.push(`A step of ${context.runId} came after its end`)
    if (what === 'fail') throw new Error('It fails')
    if (what === 'publish') context.publish('poke', {})
    if (what === 'hang') return new Promise(() => {})
    return what === 'wait' || what === 'ignore' ? this.#later(what === 'wait' ? 2 : 50) : undefined
  }

  #pipeline(): AnyPipeline {
    return plannedPipeline({
      compensate: this.#setting.compensate,
      act: (what, context) => this.#work(what, context),
      undo: (context) => this.#work('wait', context),
    })
  }
}
