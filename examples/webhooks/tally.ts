import type { BusEvent, DispatchResult, EventBus, EventTrigger, RunEventPayload } from 'busline'
import {
  type RunEnd,
  type WorkflowTally,
  count,
  createTally,
  describeManner,
} from '../../src/cli/run/workflow-tally.js'
import type { RegisteredWorkflow } from './registered-workflow.js'
import type { WebhookEvents } from './webhook-events.js'

type Entries<Counts> = Counts extends Map<infer Key, infer Value> ? readonly (readonly [Key, Value])[] : never

/** What a {@link Tally} has counted, as plain data. */
export interface SavedTally {
  readonly tallies: readonly (Omit<WorkflowTally, 'outcomes' | 'runs' | 'failures'> & {
    readonly outcomes: Entries<WorkflowTally['outcomes']>
    readonly runs: Entries<WorkflowTally['runs']>
    readonly failures: Entries<WorkflowTally['failures']>
  })[]
  readonly startedAt: readonly (readonly [runId: string, at: number])[]
  readonly paused: readonly string[]
  readonly ended: number
}

/** Keeps count by itself, and not by what the runtime says: each event that matched must come to one end. */
export class Tally {
  readonly #tallies = new Map<string, WorkflowTally>()
  readonly #triggers: readonly { readonly tally: WorkflowTally; readonly trigger: EventTrigger }[]
  readonly #startedAt = new Map<string, number>()
  readonly #paused = new Set<string>()
  #ended = 0

  constructor(registered: readonly RegisteredWorkflow[]) {
    for (const { workflow, options } of registered) {
      const { mode } = options
      this.#tallies.set(workflow.id, createTally(workflow.id, mode?.type, describeManner(mode)))
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

  /** Everything that was counted, as plain data. */
  save(): SavedTally {
    return {
      tallies: this.all.map((tally) => ({
        ...tally,
        outcomes: [...tally.outcomes],
        runs: [...tally.runs],
        failures: [...tally.failures],
        durationsMs: [...tally.durationsMs],
      })),
      startedAt: [...this.#startedAt],
      paused: [...this.#paused],
      ended: this.#ended,
    }
  }

  /** Counts on from what another process had counted. */
  restore({ tallies, startedAt, paused, ended }: SavedTally): void {
    for (const { outcomes, runs, failures, durationsMs, ...tally } of tallies) {
      this.#tallies.set(
        tally.workflowId,
        Object.assign(this.#tallies.get(tally.workflowId)!, {
          ...tally,
          outcomes: new Map(outcomes),
          runs: new Map(runs),
          failures: new Map(failures),
          durationsMs: [...durationsMs],
        }),
      )
    }
    for (const [runId, at] of startedAt) this.#startedAt.set(runId, at)
    for (const runId of paused) this.#paused.add(runId)
    this.#ended = ended
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

function meets({ when }: EventTrigger, event: BusEvent): boolean {
  try {
    return when?.(event) ?? true
  } catch {
    // The runtime gives the receipt `invalid` for it.
    return true
  }
}
