import type { AnyEventBus } from '../../bus/event-bus.js'
import type { BusEvent } from '../../core/bus-event.js'
import type { BusFault } from '../../bus/system-events.js'
import type { RunEventPayload } from '../../runtime/run-events.js'
import type { RunInfo } from '../../runtime/run-result.js'
import type { WorkflowRuntime } from '../../runtime/workflow-runtime.js'
import {
  FINAL_OUTCOMES,
  INTERIM_OUTCOMES,
  RUN_ENDS,
  type RunEnd,
  type WorkflowTally,
  count,
  createTally,
} from './workflow-tally.js'

/** Keeps count of runs from what the bus says of them, and of what went wrong. */
export class RunBoard {
  readonly #tallies = new Map<string, WorkflowTally>()
  /** When each run began that has not ended. */
  readonly #live = new Map<string, number>()
  readonly #paused = new Set<string>()
  readonly #faults = new Set<string>()
  #ended = 0

  constructor(bus: AnyEventBus) {
    const on = <Payload>(type: string, hear: (event: BusEvent<string, Payload>) => void) =>
      bus.subscribe(type, (event) => hear(event as BusEvent<string, Payload>))
    on<RunEventPayload>('run:started', ({ payload, timestamp }) => this.#live.set(payload.runId, timestamp))
    on<RunEventPayload>('run:paused', ({ payload }) => this.#paused.add(payload.runId))
    on<RunEventPayload>('run:resumed', ({ payload }) => this.#paused.delete(payload.runId))
    for (const type of ['run:completed', 'run:failed', 'run:aborted']) {
      on<RunEventPayload>(type, (event) => this.#finished(event))
    }
    on<BusFault>('bus:error', ({ payload }) =>
      this.#faults.add(`${payload.what ?? payload.during}: ${payload.error.message}`),
    )
  }

  get counts(): { readonly running: number; readonly paused: number; readonly ended: number } {
    return { running: this.#live.size - this.#paused.size, paused: this.#paused.size, ended: this.#ended }
  }

  get faults(): readonly string[] {
    return [...this.#faults]
  }

  /** @param manners What is known of how a workflow treats events when it is busy. */
  open(runtime: WorkflowRuntime, manners: ReadonlyMap<string, string>): void {
    for (const workflowId of runtime.listWorkflows()) {
      const { mode } = runtime.registry(workflowId)!
      this.#tally(workflowId, mode, manners.get(workflowId))
    }
  }

  /** Runs that were there before anybody listened. */
  adopt(runs: readonly RunInfo[]): void {
    for (const { runId, status, startedAt, endedAt } of runs) {
      if (endedAt !== undefined) continue
      if (!this.#live.has(runId)) this.#live.set(runId, startedAt)
      if (status === 'paused') this.#paused.add(runId)
    }
  }

  /** What became of events and runs, per workflow. */
  tallies(runtime: WorkflowRuntime): readonly WorkflowTally[] {
    for (const tally of this.#tallies.values()) {
      const { counts } = runtime.dispatches({ workflowId: tally.workflowId, limit: 0 })
      for (const outcome of [...FINAL_OUTCOMES, ...INTERIM_OUTCOMES]) {
        if (counts[outcome] > 0) tally.outcomes.set(outcome, counts[outcome])
      }
      tally.matched = FINAL_OUTCOMES.reduce((sum, outcome) => sum + counts[outcome], 0)
    }
    return [...this.#tallies.values()]
  }

  #tally(workflowId: string, mode?: string, manner?: string): WorkflowTally {
    let tally = this.#tallies.get(workflowId)
    if (!tally) this.#tallies.set(workflowId, (tally = createTally(workflowId, mode, manner)))
    return tally
  }

  #finished({ payload, timestamp }: BusEvent<string, RunEventPayload>): void {
    const { runId, workflowId, status, error } = payload
    const startedAt = this.#live.get(runId) ?? timestamp
    this.#live.delete(runId)
    this.#paused.delete(runId)
    this.#ended++
    if (!isEnd(status)) return
    const tally = this.#tally(workflowId)
    count(tally.runs, status)
    if (status === 'failed') count(tally.failures, error?.message ?? 'no reason given')
    tally.durationsMs.push(timestamp - startedAt)
  }
}

function isEnd(status: string): status is RunEnd {
  return (RUN_ENDS as readonly string[]).includes(status)
}
