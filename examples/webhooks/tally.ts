import type {
  BusEvent,
  DispatchOutcome,
  DispatchResult,
  EventBus,
  EventTrigger,
  RunEventPayload,
} from 'busline'
import type { RegisteredWorkflow } from './registered-workflow.js'
import type { WebhookEvents } from './webhook-events.js'

/** What became of the events and the runs of one workflow. */
export interface WorkflowTally {
  readonly workflowId: string
  readonly mode: string
  /** What the mode does when it is busy, or how many runs it allows. */
  readonly manner: string
  /** Times an event met a trigger, counted here and not by the runtime: each must come to one end. */
  matched: number
  readonly outcomes: Map<DispatchOutcome, number>
  readonly runs: Map<RunEnd, number>
  /** What runs failed with, and how many did. */
  readonly failures: Map<string, number>
  /** From the start of a run to its end, pauses included, milliseconds. */
  readonly durationsMs: number[]
}

export type RunEnd = 'succeeded' | 'failed' | 'aborted'

/** Outcomes after which nothing more comes of an event: together they are all that matched. */
export const FINAL_OUTCOMES: readonly DispatchOutcome[] = [
  'started',
  'replaced',
  'signalled',
  'superseded',
  'rejected',
  'dropped',
  'duplicate',
  'invalid',
]

/** Outcomes that are followed by a final one. */
export const INTERIM_OUTCOMES: readonly DispatchOutcome[] = ['queued', 'delayed']

/** Keeps count: of what was published, of the receipts, and of the runs. */
export class Tally {
  readonly #tallies = new Map<string, WorkflowTally>()
  readonly #triggers: readonly { readonly tally: WorkflowTally; readonly trigger: EventTrigger }[]
  readonly #startedAt = new Map<string, number>()
  readonly #paused = new Set<string>()
  #ended = 0

  constructor(registered: readonly RegisteredWorkflow[]) {
    for (const { workflow, options } of registered) {
      this.#tallies.set(workflow.id, {
        workflowId: workflow.id,
        mode: options.mode?.type ?? 'transient',
        manner: mannerOf(options.mode),
        matched: 0,
        outcomes: new Map(),
        runs: new Map(),
        failures: new Map(),
        durationsMs: [],
      })
    }
    this.#triggers = registered.flatMap(({ workflow }) =>
      Object.values(workflow.triggers).map((trigger) => ({
        tally: this.#tallies.get(workflow.id)!,
        trigger: trigger as unknown as EventTrigger,
      })),
    )
  }

  get all(): readonly WorkflowTally[] {
    return [...this.#tallies.values()]
  }
  get running(): number {
    return this.#startedAt.size - this.#paused.size
  }
  get paused(): number {
    return this.#paused.size
  }
  get ended(): number {
    return this.#ended
  }

  /** Counts what happens on a bus; receipts come by {@link received}. */
  listenTo(bus: EventBus<WebhookEvents>): void {
    bus.subscribe('*', (event) => this.#published(event))
    bus.subscribe('run:started', ({ payload, timestamp }) => this.#startedAt.set(payload.runId, timestamp))
    bus.subscribe('run:paused', ({ payload }) => this.#paused.add(payload.runId))
    bus.subscribe('run:resumed', ({ payload }) => this.#paused.delete(payload.runId))
    bus.subscribe('run:completed', (event) => this.#finished(event))
    bus.subscribe('run:failed', (event) => this.#finished(event))
    bus.subscribe('run:aborted', (event) => this.#finished(event))
  }

  /** For `onDispatch` of each registration. */
  received({ workflowId, outcome }: DispatchResult): void {
    count(this.#tallies.get(workflowId)!.outcomes, outcome)
  }

  #published(event: BusEvent): void {
    for (const { tally, trigger } of this.#triggers) {
      if (trigger.event === event.type && meets(trigger, event)) tally.matched++
    }
  }

  #finished({ payload, timestamp }: BusEvent<string, RunEventPayload>): void {
    const { runId, workflowId, status, error } = payload
    const tally = this.#tallies.get(workflowId)!
    count(tally.runs, status as RunEnd)
    if (status === 'failed') count(tally.failures, error?.message ?? 'no reason given')
    tally.durationsMs.push(timestamp - this.#startedAt.get(runId)!)
    this.#startedAt.delete(runId)
    this.#paused.delete(runId)
    this.#ended++
  }
}

/** How many of the events that matched came to an end. */
export function endedEvents({ outcomes }: WorkflowTally): number {
  return FINAL_OUTCOMES.reduce((sum, outcome) => sum + (outcomes.get(outcome) ?? 0), 0)
}

/** The smallest duration that `share` of all are not longer than (nearest rank); `undefined` when there is none. */
export function percentile(durationsMs: readonly number[], share: number): number | undefined {
  const sorted = [...durationsMs].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

function meets({ when }: EventTrigger, event: BusEvent): boolean {
  try {
    return when?.(event) ?? true
  } catch {
    // The runtime gives the receipt `invalid` for it.
    return true
  }
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function mannerOf(mode: RegisteredWorkflow['options']['mode']): string {
  switch (mode?.type) {
    case 'serialized':
      return 'in line'
    case 'singleton_loop':
      return mode.onBusy ?? 'drop'
    case 'exclusive':
      return mode.onBusy ?? 'reject'
    default:
      return `${mode?.concurrency ?? 10} at once`
  }
}
