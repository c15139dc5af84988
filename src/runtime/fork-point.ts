import type { BusEvent } from '../core/bus-event.js'
import { freezePlainData, isPlainObject } from '../core/plain-data.js'
import { SystemError } from '../core/system-error.js'
import type { StateObject } from '../state/change.js'
import type { TimelineEvent } from '../timeline/timeline-event.js'
import { TimelinePlayer } from '../timeline/timeline-player.js'
import type { RunTimelineMeta, TimelineStore } from '../timeline/timeline-store.js'

/** Where a fork begins: after an event of the timeline, or at the first visit of a stage. */
export type ForkAt =
  { readonly seq: number; readonly stageId?: never } | { readonly stageId: string; readonly seq?: never }

/** What a recorded run was at a point: its state, and the stage that came next or was under way. */
export interface ForkPoint {
  readonly meta: RunTimelineMeta
  readonly seq: number
  readonly state: StateObject
  /** Absent before the first stage. */
  readonly stageId: string | undefined
}

const PAGE = 500

/**
 * Finds a point in a recorded run. A stage that was under way there counts as not begun: it left nothing behind.
 *
 * @throws {SystemError} `NOT_FOUND` when there is no such run, event or visit; `VALIDATION` when `seq` is malformed;
 *   `INVALID_COMMAND` when nothing was left to do at that point.
 */
export async function findForkPoint(store: TimelineStore, runId: string, at: ForkAt): Promise<ForkPoint> {
  const player = new TimelinePlayer(store, runId)
  if (at.stageId !== undefined) {
    const seq = await firstVisit(store, runId, at.stageId)
    await player.seek(seq)
    return { meta: player.meta!, seq, state: player.state, stageId: at.stageId }
  }
  await player.seek(at.seq)
  const decision = await lastDecision(store, runId, at.seq)
  const next = decision?.payload['next'] as string | undefined
  if (decision && next === undefined) {
    throw new SystemError(
      'INVALID_COMMAND',
      `Cannot fork run ${runId} after event ${at.seq}: no stage was left then; choose an earlier one`,
      { context: { runId, seq: at.seq } },
    )
  }
  const meta = player.meta!
  return { meta, seq: at.seq, state: player.state, stageId: decision ? next : await beginning(store, meta) }
}

/** The event of a run that is forked. @throws {SystemError} `NOT_FOUND` when it is not known. */
export function forkEvent(runId: string, event: BusEvent | undefined): BusEvent {
  if (event) return event
  const message = `Cannot fork run ${runId}: its event is not known here any more; give it as "event"`
  throw new SystemError('NOT_FOUND', message, { context: { runId } })
}

/** The state a fork begins with. @throws {SystemError} `VALIDATION` when it is none. */
export function forkState(runId: string, state: unknown): StateObject {
  if (typeof state === 'object' && state !== null && isPlainObject(state)) {
    return freezePlainData(state as StateObject)
  }
  throw new SystemError('VALIDATION', `Cannot fork run ${runId}: "state" must be a plain object`, {
    context: { runId },
  })
}

/** The stage that a fork began with: those before it are its parent's. Absent for what began where its pipeline does. */
async function beginning(
  store: TimelineStore,
  { runId, metadata }: RunTimelineMeta,
): Promise<string | undefined> {
  if (metadata?.['parentRunId'] === undefined) return undefined
  const started = await findEvent(store, runId, ({ type }) => type === 'stage:start')
  return started?.payload['stageId'] as string | undefined
}

/** The last word of a router of the run itself, not of a child, up to an event. */
async function lastDecision(
  store: TimelineStore,
  runId: string,
  upTo: number,
): Promise<TimelineEvent | undefined> {
  for (let to = upTo; to > 0; to -= PAGE) {
    const events = await store.getEvents(runId, Math.max(1, to - PAGE + 1), to)
    const found = events.findLast(
      ({ type, payload }) => type === 'router:evaluated' && payload['path'] === undefined,
    )
    if (found) return found
  }
  return undefined
}

async function firstVisit(store: TimelineStore, runId: string, stageId: string): Promise<number> {
  const found = await findEvent(
    store,
    runId,
    ({ type, payload }) =>
      type === 'stage:start' && payload['path'] === undefined && payload['stageId'] === stageId,
  )
  if (found) return found.seq
  throw new SystemError('NOT_FOUND', `Run ${runId} never came to a stage "${stageId}"`, {
    context: { runId, stageId },
  })
}

async function findEvent(
  store: TimelineStore,
  runId: string,
  isWanted: (event: TimelineEvent) => boolean,
): Promise<TimelineEvent | undefined> {
  for (let from = 1; ; from += PAGE) {
    const events = await store.getEvents(runId, from, from + PAGE - 1)
    const found = events.find(isWanted)
    if (found || events.length < PAGE) return found
  }
}
