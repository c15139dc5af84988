import type { JobEngine, JobOutcome, LoadResult, Plan } from 'busline/plan'
import { type CompiledPlan, compilePlan } from 'busline/plan'
import { simulatedClock } from 'busline/testing'

export type Work = 'quick' | 'wait' | 'fail' | 'fail once' | 'hang' | 'ignore' | 'text'

export interface Step {
  readonly work: Work
  readonly join: 'each' | 'all'
  /** To which of the steps after it, and whether by a condition that is text. */
  readonly edges: readonly { readonly to: number; readonly when: 'always' | 'yes' | 'no' }[]
}

interface Run {
  readonly number: number
  readonly controller: AbortController
  readonly seen: string[]
  isOver: boolean
  /** Whether something was done to it, or to what it needs. */
  isDisturbed: boolean
}

type State = { readonly data: { readonly run: number; readonly seen: readonly string[] } }

/** One compiled plan, an engine that is slow and fails at times, runs of the plan, and what went wrong. */
export class PlanMachine {
  readonly clock = simulatedClock()
  readonly faults: string[] = []
  readonly outcomes: { readonly isDisturbed: boolean; readonly outcome: string }[] = []
  readonly #plan: CompiledPlan
  readonly #runs: Run[] = []
  readonly #pending = new Set<string>()
  readonly #open = new Set<object>()
  #isDown = false
  #calls = 0

  constructor(steps: readonly Step[], concurrency: number) {
    const { clock } = this
    this.#plan = compilePlan(this.#toPlan(steps), {
      clock,
      concurrency,
      engine: this.#engine(),
      callbacks: {
        resolveState: async (id) => {
          await this.#later(id === 'slow' ? 5 : 0)
          return {}
        },
      },
    })
  }

  /** Something that must settle. */
  call(what: string, promise: Promise<unknown>): void {
    const name = `${what} (${this.#calls++})`
    this.#pending.add(name)
    const done = () => this.#pending.delete(name)
    promise.then(done, done)
  }

  run(): void {
    const run: Run = {
      number: this.#runs.length,
      controller: new AbortController(),
      seen: [],
      isOver: false,
      isDisturbed: this.#isDown,
    }
    this.#runs.push(run)
    const input = { data: { run: run.number, seen: [] } }
    const done = this.#plan.run(input, { signal: run.controller.signal }).then(
      (value) => JSON.stringify(value)?.replaceAll(`"run":${run.number}`, '"run":0') ?? 'nothing',
      (error: Error) => `${error.name}: ${error.message}`,
    )
    this.call('run', done)
    void done.then((outcome) => {
      run.isOver = true
      this.outcomes.push({ isDisturbed: run.isDisturbed, outcome })
    })
  }

  abort(pick: number): void {
    const run = this.#runs[pick % Math.max(1, this.#runs.length)]
    if (!run || run.isOver) return
    run.isDisturbed = true
    run.controller.abort('no longer wanted')
    const { number } = run
    void this.#turns(30).then(() => {
      if (!run.isOver) this.faults.push(`Run ${number} goes on after its signal has fired`)
    })
  }

  prepare(): void {
    this.call('prepare', this.#plan.prepare())
  }

  dispose(): void {
    this.call('dispose', this.#plan.dispose())
  }

  /** The engine cannot work, or can again. */
  toggle(): void {
    this.#isDown = !this.#isDown
    if (this.#isDown) for (const run of this.#runs) if (!run.isOver) run.isDisturbed = true
  }

  async rest(): Promise<void> {
    this.#isDown = false
    await this.clock.advance('1m')
    for (const each of this.#pending) this.faults.push(`${each} never settled`)
    if (this.clock.pendingTimers > 0) this.faults.push(`${this.clock.pendingTimers} timers are left`)
    await this.#plan.dispose()
    if (this.#open.size > 0) this.faults.push(`${this.#open.size} texts are left in the engine`)
  }

  #toPlan(steps: readonly Step[]): Plan {
    return {
      options: { timeout: 40 },
      workflow: {
        steps: steps.map(({ work, join, edges }, index) => ({
          id: `s${index}`,
          join,
          expression: work === 'text' ? `text of s${index}` : [this.#job(work, `s${index}`)],
          retry: { limit: 1, backoff: 'fixed', delay: 3 },
          next: Object.fromEntries(
            edges.map(({ to, when }) => [`s${to}`, { condition: when === 'always' ? true : when }]),
          ),
        })),
      },
    }
  }

  #job(work: Work, id: string) {
    return async (state: unknown, { signal, attempt }: { signal: AbortSignal; attempt: number }) => {
      const { data } = state as State
      if (this.#runs[data.run]?.isOver) this.faults.push(`A job of run ${data.run} began after its end`)
      if (work === 'wait') await this.#later(2)
      if (work === 'ignore') await this.#later(100)
      if (work === 'hang') await new Promise((resolve) => signal.addEventListener('abort', resolve))
      if (work === 'fail' || (work === 'fail once' && attempt === 1)) throw new Error(`${id} fails`)
      return { data: { ...data, seen: [...data.seen, id] } }
    }
  }

  #engine(): JobEngine {
    const load = async <Loaded extends { dispose(): void }>(
      make: (self: () => object) => Loaded,
    ): Promise<LoadResult<Loaded>> => {
      await this.#later(1)
      if (this.#isDown) throw new Error('The engine is down')
      const loaded: Loaded = make(() => loaded)
      this.#open.add(loaded)
      return { ok: true, loaded }
    }
    const use = async (what: object) => {
      if (!this.#open.has(what)) this.faults.push('A text was used that had been disposed of')
      await this.#later(1)
    }
    return {
      load: ({ stepId }) =>
        load((self) => ({
          run: async (state): Promise<JobOutcome> => {
            await use(self())
            const { data } = state as State
            return { ok: true, state: { data: { ...data, seen: [...data.seen, stepId] } } }
          },
          dispose: () => void this.#open.delete(self()),
        })),
      compileCondition: ({ source }) =>
        load((self) => ({
          evaluate: async () => {
            await use(self())
            return { ok: true, holds: source === 'yes' } as const
          },
          dispose: () => void this.#open.delete(self()),
        })),
      close: () => Promise.resolve(),
    }
  }

  async #turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) await Promise.resolve()
  }

  #later(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimeout(resolve, ms))
  }
}
