import {
  type AnyPipeline,
  type BusEvent,
  type Dependencies,
  MemoryTimelineStore,
  type PauseOptions,
  type PauseService,
  type ResumeCause,
  type RunInfo,
  type StepContext,
  type WatchDescriptor,
  type WorkflowRuntimeOptions,
  defineWorkflow,
  pause,
  terminate,
} from 'busline'
import { openRuntime } from '../open-runtime.js'

/** What the step of a scripted run does when the test lets it go. */
interface Ending {
  readonly patch?: Readonly<Record<string, unknown>> | undefined
  readonly options: PauseOptions | undefined
}

/** The parts of a runtime that a scripted run is driven by. */
export type Stand = ReturnType<typeof openStand>

export function openStand(options: Partial<WorkflowRuntimeOptions> = {}) {
  return { ...openRuntime(options), timelineStore: options.timelineStore }
}

/** With a timeline, which is written by a timer of its own. */
export function openRecordedStand(options: Partial<WorkflowRuntimeOptions> = {}) {
  return openStand({ timelineStore: new MemoryTimelineStore(), ...options })
}

/**
 * A run that works until the test lets it pause, and after each pause works again: its one stage waits for `pause()` or
 * `end()`. So the test decides in which of its windows an event falls.
 */
export class ScriptedRun {
  /** What each leg found in `ctx.resume`. */
  readonly legs: (ResumeCause | undefined)[] = []
  readonly stand: Stand
  #runId = ''
  #started: BusEvent | undefined
  #use: StepContext['use'] | undefined
  #finish: ((ending: Ending) => void) | undefined
  #decision: Ending | undefined

  private constructor(stand: Stand) {
    this.stand = stand
  }

  static async start(
    stand: Stand,
    {
      state = {},
      stage = {},
      workflowId = 'script',
    }: { state?: object; stage?: Partial<AnyPipeline['stages'][number]>; workflowId?: string } = {},
  ): Promise<ScriptedRun> {
    const script = new ScriptedRun(stand)
    const { runtime, bus, clock } = stand
    await runtime.register(
      defineWorkflow({
        id: workflowId,
        triggers: { start: { event: `${workflowId}:start` } },
        pipelines: { main: { id: 'main', initialState: state, stages: [script.#stage(stage)] } },
      }),
      { onDispatch: ({ runId }) => void (script.#runId ||= runId!) },
    )
    script.#started = bus.publish(`${workflowId}:start`, {})
    await clock.settle()
    return script
  }

  #stage(more: Partial<AnyPipeline['stages'][number]>): AnyPipeline['stages'][number] {
    return {
      id: 'work',
      steps: {
        work: async ({ use, resume }: StepContext) => {
          this.legs.push(resume)
          this.#use = use
          this.#decision = await new Promise<Ending>((resolve) => (this.#finish = resolve))
          return this.#decision.patch
        },
      },
      router: () => {
        const { options } = this.#decision!
        return options ? pause({ ...options, resumeAt: 'work' }) : terminate()
      },
      ...more,
    }
  }

  /** The event that started it. */
  get started(): BusEvent {
    return this.#started!
  }
  get runId(): string {
    return this.#runId
  }
  get info(): RunInfo {
    return this.stand.runtime.listAllRuns().find(({ runId }) => runId === this.#runId)!
  }
  get status(): RunInfo['status'] {
    return this.info.status
  }
  get state(): unknown {
    return this.info.state
  }
  /** What ended the last pause, in short: the payloads of events, or the kind. */
  get lastResume(): unknown {
    return short(this.legs.at(-1))
  }

  use<Result>(callback: (deps: Dependencies) => Result): Result {
    return this.#use!(callback)
  }

  async register(descriptor: WatchDescriptor): Promise<string> {
    const service = await this.use((deps) => deps.require<PauseService>('__pause_service__'))
    return service.register(descriptor)
  }

  async cancel(watchId: string): Promise<boolean> {
    const service = await this.use((deps) => deps.require<PauseService>('__pause_service__'))
    return service.cancel(watchId)
  }

  /** Lets the step end, and the router pause, without waiting until that has happened. */
  letPause(options: PauseOptions = { timeout: Infinity }, patch?: Readonly<Record<string, unknown>>): void {
    this.#finish!({ options, patch })
  }

  async pause(options?: PauseOptions, patch?: Readonly<Record<string, unknown>>): Promise<void> {
    this.letPause(options, patch)
    await this.stand.clock.settle()
  }

  async end(): Promise<void> {
    this.#finish!({ options: undefined })
    await this.stand.clock.settle()
  }

  async publish(type: string, payload: unknown = {}): Promise<void> {
    this.stand.bus.publish(type, payload)
    await this.stand.clock.settle()
  }

  /** What the timeline says of its watches. */
  async notes(type: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    await this.stand.runtime.stop()
    const events = await this.stand.timelineStore!.getEvents(this.#runId)
    return events.filter((event) => event.type === type).map(({ payload }) => payload as never)
  }
}

/** A cause in short: payloads of events, else the kind. */
export function short(cause: ResumeCause | undefined): unknown {
  if (cause?.kind === 'event') return cause.event.payload
  if (cause?.kind === 'events') return cause.events.map(({ payload }) => payload)
  return cause?.kind
}
