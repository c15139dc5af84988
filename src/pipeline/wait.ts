import { toMs } from '../core/duration.js'
import { SystemError } from '../core/system-error.js'
import type { BusEvent } from '../core/bus-event.js'
import { type Change, type StateObject, fromPartial, toChange } from '../state/change.js'
import type { Wait } from './checkpoint.js'
import type { PauseOptions } from './instruction.js'
import type { ResumeCause } from './resume-cause.js'
import { readPath, writePath } from './state-path.js'
import { validateDescriptor } from './watch-descriptor.js'

/**
 * The wait a router asked for.
 *
 * @throws {SystemError} `VALIDATION` when its options are malformed, or when `until` comes without a `timeout`.
 */
export function createWait(options: PauseOptions, stageId: string, now: number): Wait {
  const { until, timeout, onRestore, into } = options
  if (until) {
    const [issue] = validateDescriptor(until, 'until')
    if (issue) {
      throw new SystemError('VALIDATION', `Cannot pause: "${issue.path}" ${issue.message}`, {
        context: { stageId },
      })
    }
    if (timeout === undefined) {
      throw new SystemError(
        'VALIDATION',
        `Cannot pause in stage "${stageId}" without a timeout: say how long to wait, Infinity included`,
        { context: { stageId } },
      )
    }
  }
  const timeoutMs = toMs(timeout ?? Infinity)
  return {
    kind: 'pause',
    stageId,
    since: now,
    ...(until ? { until } : {}),
    ...(timeoutMs === Infinity ? {} : { timeoutMs }),
    ...(onRestore ? { onRestore } : {}),
    ...(into === undefined ? {} : { into }),
  }
}

/** When the wait ends by itself, epoch milliseconds; `Infinity` when it does not. */
export function waitDeadline(wait: Wait): number {
  return wait.timeoutMs === undefined ? Infinity : wait.since + wait.timeoutMs
}

/**
 * The wait as it goes on after the process was away. What was left is counted from the last instant the run is known
 * to have been alive, or, where nobody knows, from the beginning of the wait.
 */
export function restoreWait(wait: Wait, now: number, lastAliveAt: number = wait.since): Wait {
  if (wait.timeoutMs === undefined) return wait
  switch (wait.onRestore) {
    case 'restart':
      return { ...wait, since: now }
    case 'remaining':
      return { ...wait, since: now - Math.max(0, lastAliveAt - wait.since) }
    default:
      return wait
  }
}

/** What the end of a wait writes: the patch of `resume()`, the assignments of an event, and the cause itself under `into`. */
export function resumeChanges(
  state: StateObject,
  wait: Wait,
  cause: ResumeCause,
  assign: Readonly<Record<string, string>> | undefined = wait.until?.assign,
): readonly Change[] {
  const changes: Change[] = []
  let current = state
  const add = (change: Change | undefined) => {
    if (!change) return
    changes.push(change)
    current = change.next
  }
  if (cause.kind === 'manual' && cause.patch !== undefined) add(fromPartial(current, cause.patch))
  if (assign) for (const event of eventsOf(cause)) add(toChange(current, assignFrom(event, assign)))
  if (wait.into !== undefined) add(fromPartial(current, { [wait.into]: cause }))
  return changes
}

function eventsOf(cause: ResumeCause): readonly BusEvent[] {
  if (cause.kind === 'event') return [cause.event]
  return cause.kind === 'events' ? cause.events : []
}

function assignFrom(event: BusEvent, assign: Readonly<Record<string, string>>) {
  return (draft: Record<string, unknown>): void => {
    for (const [from, to] of Object.entries(assign)) {
      const found = readPath(event.payload, from)
      if (found.isPresent) writePath(draft, to, found.value)
    }
  }
}
