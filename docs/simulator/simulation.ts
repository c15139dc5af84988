import { type DispatchOutcome, WorkflowRuntime, createEventBus, defineWorkflow } from 'busline'
import { type SimulatedClock, simulatedClock } from 'busline/testing'
import type { ModeChoice } from './mode-choices.js'

/** An event as the page draws it: when it came, what was decided, and the run it became. */
export interface TracedEvent {
  readonly number: number
  readonly key: string
  readonly at: number
  /** What its receipts said, in their order. */
  readonly receipts: { readonly outcome: DispatchOutcome; readonly at: number }[]
  run?: { readonly startedAt: number; endedAt?: number; status?: 'succeeded' | 'aborted' }
}

interface Clicks {
  clicked: { number: number; key: string; workMs: number }
}

const silent = () => {}
/** A run has two stages, so that a signal has a place to land. */
const STAGES = 2

/** One keyed workflow on the real engine. Time is simulated: it goes on when the page says so. */
export class Simulation {
  readonly events: TracedEvent[] = []
  readonly #clock: SimulatedClock = simulatedClock(0)
  readonly #bus = createEventBus<Clicks>({ clock: this.#clock })
  readonly #runtime = new WorkflowRuntime<Clicks>({
    bus: this.#bus,
    clock: this.#clock,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
  })
  readonly #byEvent = new Map<string, TracedEvent>()
  readonly #byRun = new Map<string, TracedEvent>()
  #published = 0

  static async open({ mode }: ModeChoice): Promise<Simulation> {
    const simulation = new Simulation()
    await simulation.#register(mode)
    return simulation
  }

  /** Milliseconds since it was opened. */
  get now(): number {
    return this.#clock.now()
  }

  /** An event under `key` whose run takes `workMs`. */
  async publish(key: string, workMs: number): Promise<void> {
    const number = ++this.#published
    const id = `event-${number}`
    const traced: TracedEvent = { number, key, at: this.now, receipts: [] }
    this.events.push(traced)
    this.#byEvent.set(id, traced)
    this.#bus.publish('clicked', { number, key, workMs }, { id })
    await this.#clock.settle()
  }

  async advance(ms: number): Promise<void> {
    await this.#clock.advance(ms)
  }

  async close(): Promise<void> {
    const stopped = this.#runtime.stop()
    await this.#clock.advance('1m')
    await stopped
    this.#bus.close()
  }

  async #register(mode: ModeChoice['mode']): Promise<void> {
    const work = async ({ state, signal }: { state: { workMs: number }; signal: AbortSignal }) => {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.setTimeout(resolve, state.workMs / STAGES)
        signal.addEventListener('abort', () => {
          this.#clock.clearTimeout(timer)
          resolve()
        })
      })
    }
    const workflow = defineWorkflow<Clicks>()({
      id: 'keyed',
      triggers: { clicked: { event: 'clicked' } },
      pipelines: {
        main: {
          id: 'main',
          initialState: ({ payload }: { payload: unknown }) => payload as Clicks['clicked'],
          stages: Array.from({ length: STAGES }, (_, index) => ({
            id: `part-${index + 1}`,
            steps: { work },
          })),
        },
      },
    })
    this.#bus.subscribe('*', (event) => {
      const { type, payload } = event as { type: string; payload: { runId: string } }
      const run = this.#byRun.get(payload.runId)?.run
      if (!run || (type !== 'run:completed' && type !== 'run:aborted')) return
      run.endedAt = this.now
      run.status = type === 'run:completed' ? 'succeeded' : 'aborted'
    })
    await this.#runtime.register(workflow, {
      mode,
      key: ({ payload }) => (payload as Clicks['clicked']).key,
      onDispatch: ({ eventId, outcome, runId }) => {
        const traced = this.#byEvent.get(eventId)
        if (!traced) return
        traced.receipts.push({ outcome, at: this.now })
        if ((outcome === 'started' || outcome === 'replaced') && runId !== undefined) {
          traced.run = { startedAt: this.now }
          this.#byRun.set(runId, traced)
        }
      },
    })
  }
}
