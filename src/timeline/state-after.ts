import { Immer, enablePatches } from 'immer'
import { SystemError } from '../core/system-error.js'
import type { TimelineEvent, TimelineState } from './timeline-event.js'

enablePatches()

/** An instance of its own: the application's settings of immer are neither read nor changed. */
const immer = new Immer({ autoFreeze: true })

/**
 * The state of the run after an event, from the one before it.
 *
 * @throws {SystemError} `STORAGE` when its changes do not fit the state before.
 */
export function stateAfter(event: TimelineEvent, before: TimelineState): TimelineState {
  if (event.snapshot) return event.snapshot
  if (!event.delta) return before
  try {
    return immer.applyPatches(before, event.delta)
  } catch (cause) {
    const { runId, seq } = event
    throw new SystemError(
      'STORAGE',
      `Cannot rebuild the state at event ${seq} of run "${runId}": its changes do not fit`,
      { cause, context: { runId, seq } },
    )
  }
}
