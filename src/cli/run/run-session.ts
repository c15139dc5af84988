import { createEventBus } from '../../bus/create-event-bus.js'
import type { AnyEventBus } from '../../bus/event-bus.js'
import { type Clock, systemClock } from '../../core/clock.js'
import type { Logger } from '../../core/logger.js'
import { sleep } from '../../core/sleep.js'
import type { RunInfo } from '../../runtime/run-result.js'
import { WorkflowRuntime } from '../../runtime/workflow-runtime.js'
import type { StorageDriver } from '../../storage/storage-driver.js'
import type { TimelineStore } from '../../timeline/timeline-store.js'
import { type BadLine, type EventLine, isBadLine } from '../events/event-lines.js'
import { seededRandom } from '../../core/seeded-random.js'
import type { Progress } from '../terminal/progress-line.js'
import type { WorkflowModule } from './load-workflows.js'
import { RunBoard } from './run-board.js'
import type { TakenEvents } from './taken-events.js'
import type { WorkflowTally } from './workflow-tally.js'

export interface SessionOptions {
  readonly workflows: WorkflowModule
  readonly events: AsyncIterable<EventLine | BadLine>
  /** How many events there are, where that is known. */
  readonly total?: number
  /** Where runs and timelines are kept. @default nowhere */
  readonly storage?: StorageDriver
  /** Where timelines are recorded instead. */
  readonly timelineStore?: TimelineStore
  /** Events that a process before this one has published are not published again. */
  readonly taken?: TakenEvents
  /** Chance is the same for the same seed. @default Math.random */
  readonly seed?: number
  /** How long to wait, after the last event, for runs that sleep; milliseconds. */
  readonly waitMs: number
  readonly logger: Logger
  /** @default the host's */
  readonly clock?: Clock
  /** Ends the session before its time: no further event is published, runs that are under way may end. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void | Promise<void>
  /** Told what is going on before there is progress. */
  readonly onNote: (note: string) => void
}

/** A line of the events about which there is something to say. */
export interface Remark {
  readonly line: number
  readonly text: string
}

export interface SessionResult {
  readonly published: number
  /** How many were published by a process before this one. */
  readonly takenBefore: number
  /** How many met no trigger, and nobody waited for them. */
  readonly unmatched: number
  /** Lines that are no event, events that were refused, payloads that do not fit. */
  readonly remarks: readonly Remark[]
  /** What went wrong where nobody could be told by an exception. */
  readonly faults: readonly string[]
  readonly tallies: readonly WorkflowTally[]
  /** The last runs, as they were before the runtime was stopped. */
  readonly runs: readonly RunInfo[]
  /** Events that still waited for their turn. */
  readonly queued: number
  readonly elapsedMs: number
}

/** How long a process may be silent until its runs are taken over: short, since whoever starts again waits for it. */
export const CLAIM_TTL_MS = 3_000

/** How many events may be on their way into the store at once. */
const MAX_IN_FLIGHT = 64

const LOOK_EVERY_MS = 20

const TAKE_OVER_EVERY_MS = 250

/** Runs workflows on events, from registering them to the end of the last run. */
export async function runSession(options: SessionOptions): Promise<SessionResult> {
  const { workflows, storage, timelineStore, signal, seed, clock = systemClock } = options
  const bus = createEventBus({ clock })
  const board = new RunBoard(bus)
  const runtime = new WorkflowRuntime({
    bus,
    clock,
    logger: options.logger,
    claimTtl: CLAIM_TTL_MS,
    ...(seed === undefined ? {} : { random: seededRandom(seed) }),
    ...(storage ? { storage } : {}),
    ...(timelineStore ? { timelineStore } : {}),
  })
  const beganAt = clock.now()
  try {
    await workflows.register(runtime)
    board.open(runtime, workflows.manners)
    if (storage) await takeOver(runtime, options, clock)
    board.adopt(runtime.listAllRuns())
    const progress = (published: number) =>
      options.onProgress({
        published,
        ...(options.total === undefined ? {} : { total: options.total }),
        ...board.counts,
        elapsedMs: clock.now() - beganAt,
      })
    const facts = await publishAll(runtime, bus, options, progress)
    await untilIdle(runtime, options, clock, () => progress(facts.published + facts.takenBefore))
    const queued = runtime.dispatches({ limit: 0 }).queued
    if (signal.aborted) await runtime.stop({ drain: true })
    const runs = runtime.listAllRuns()
    await runtime.stop()
    return {
      ...facts,
      faults: board.faults,
      tallies: board.tallies(runtime),
      runs,
      queued,
      elapsedMs: clock.now() - beganAt,
    }
  } finally {
    await runtime.stop()
    bus.close()
  }
}

/** Waits for runs of a process that has just died: it counts as alive for a moment longer. */
async function takeOver(
  runtime: WorkflowRuntime,
  { signal, onNote }: SessionOptions,
  clock: Clock,
): Promise<void> {
  const givesUpAt = clock.now() + 2 * CLAIM_TTL_MS
  for (let isTold = false; ; isTold = true) {
    const { owned } = await runtime.recover()
    if (owned.length === 0 || signal.aborted) return
    const isOne = owned.length === 1
    const runs = `${owned.length} ${isOne ? 'run' : 'runs'}`
    if (clock.now() >= givesUpAt) {
      const theirs = isOne
        ? 'belongs to another process that is alive: it goes on with it'
        : 'belong to another process that is alive: it goes on with them'
      onNote(`${runs} of this store ${theirs}`)
      return
    }
    if (!isTold) onNote(`Waiting for ${runs} of a process that was alive a moment ago …`)
    await sleep(TAKE_OVER_EVERY_MS, signal, clock)
  }
}

async function publishAll(
  runtime: WorkflowRuntime,
  bus: AnyEventBus,
  { events, taken, signal }: SessionOptions,
  progress: (published: number) => void | Promise<void>,
) {
  const facts = { published: 0, takenBefore: 0, unmatched: 0, remarks: [] as Remark[] }
  const inFlight = new Set<Promise<void>>()
  for await (const each of untilAborted(events, signal)) {
    if (isBadLine(each)) {
      facts.remarks.push({ line: each.line, text: `skipped, ${each.reason}` })
      continue
    }
    const event = taken ? taken.identify(each) : each
    if (await taken?.has(event)) {
      facts.takenBefore++
    } else {
      const submitted = submit(runtime, bus, event, facts)
        .then((isAccepted) => (isAccepted ? taken?.add(event) : undefined))
        .finally(() => inFlight.delete(submitted))
      inFlight.add(submitted)
      facts.published++
      if (inFlight.size >= MAX_IN_FLIGHT) await Promise.race(inFlight)
    }
    await progress(facts.published + facts.takenBefore)
  }
  await Promise.all(inFlight)
  facts.remarks.sort((a, b) => a.line - b.line)
  return facts
}

/** Publishes an event and says whether it need not be published again. */
async function submit(
  runtime: WorkflowRuntime,
  bus: AnyEventBus,
  { type, payload, meta, line }: EventLine,
  facts: { published: number; unmatched: number; remarks: Remark[] },
): Promise<boolean> {
  const isHeard = bus.hasSubscribers(type)
  const result = await runtime.submit(type, payload, meta)
  if (!result.ok) {
    facts.remarks.push({ line, text: `refused, ${result.error.message}` })
    return false
  }
  if (!isHeard) facts.unmatched++
  for (const { outcome, workflowId, reason = 'no reason given' } of result.value) {
    if (outcome === 'invalid') facts.remarks.push({ line, text: `invalid for ${workflowId}, ${reason}` })
  }
  return true
}

/** Until no run is under way and no event waits; for those that sleep it waits as long as it is told to. */
async function untilIdle(
  runtime: WorkflowRuntime,
  { signal, waitMs }: SessionOptions,
  clock: Clock,
  progress: () => void | Promise<void>,
): Promise<void> {
  const waitsUntil = clock.now() + waitMs
  while (!signal.aborted) {
    const runs = runtime.listAllRuns()
    const isBusy =
      runs.some(({ status }) => status === 'running' || status === 'queued') || hasTurn(runtime, runs)
    const isAsleep = runs.some(({ status }) => status === 'paused')
    if (!isBusy && (!isAsleep || clock.now() >= waitsUntil)) return
    await progress()
    await sleep(LOOK_EVERY_MS, signal, clock)
  }
}

/** Whether an event waits that will get its turn without one that sleeps being woken. */
function hasTurn(runtime: WorkflowRuntime, runs: readonly RunInfo[]): boolean {
  return runtime.dispatches({ limit: 0 }).queued > 0 && runs.every(({ status }) => status !== 'paused')
}

async function* untilAborted<Item>(items: AsyncIterable<Item>, signal: AbortSignal): AsyncGenerator<Item> {
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const iterator = items[Symbol.asyncIterator]()
  for (;;) {
    const next = await Promise.race([iterator.next(), aborted])
    if (next === undefined || signal.aborted || next.done) return
    yield next.value
  }
}
