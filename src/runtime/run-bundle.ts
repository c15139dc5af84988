import { freezePlainData } from '../core/plain-data.js'
import { SystemError } from '../core/system-error.js'
import { isCheckpoint } from './fit-checkpoint.js'
import type { InboxRecord } from './waiting/inbox.js'
import type { RunCheckpoint } from './workflow-definition.js'

/** The layout of {@link RunBundle}; one that is not known is refused, never guessed at. */
export const BUNDLE_LAYOUT = 1

/** A run on its way from one runtime to another: plain data, to be sent as JSON. Treat what is in it as opaque. */
export interface RunBundle {
  readonly layout: number
  /** Of the owner who gave the run away; the next one has a higher epoch. */
  readonly epoch: number
  /** Epoch milliseconds. */
  readonly savedAt: number
  readonly checkpoint: RunCheckpoint
  readonly inboxes: readonly InboxRecord[]
}

/** @throws {SystemError} `VALIDATION` when it is none, `VERSION_MISMATCH` when a newer Busline made it. */
export function parseRunBundle(given: unknown): RunBundle {
  const { layout, epoch, savedAt, checkpoint, inboxes } = Object(given) as Partial<RunBundle>
  if (typeof layout === 'number' && layout > BUNDLE_LAYOUT) {
    throw new SystemError(
      'VERSION_MISMATCH',
      `Cannot import the run: a newer Busline exported it (layout ${layout}, known: ${BUNDLE_LAYOUT}); update this one`,
      { context: { runId: checkpoint?.runId, layout } },
    )
  }
  const isBundle =
    [layout, epoch, savedAt].every((each) => typeof each === 'number') &&
    isCheckpoint(checkpoint) &&
    // Ids are parts of the keys that runs are stored under.
    !checkpoint.runId.includes('/') &&
    Array.isArray(inboxes)
  if (!isBundle) throw new SystemError('VALIDATION', 'Cannot import the run: give what exportRun() gave')
  return structuredClone(freezePlainData(given as RunBundle))
}
