import type { WatchDescriptor } from '../../pipeline/watch-descriptor.js'

/**
 * One thing a pipeline waits for, and where it comes from: a `step` registered it, a `stage` declares it, or a `pause`
 * named it and it ends with that.
 */
export interface Watch {
  readonly id: string
  readonly origin: 'step' | 'stage' | 'pause'
  /** The stage whose `where` narrows it: its own, or the one that paused. Steps have none. */
  readonly stageId?: string
  readonly descriptor: WatchDescriptor
  readonly types: readonly string[]
  /** Whether it wants one event of each type, not one of any. */
  readonly isForAll: boolean
  /** The same for descriptors that say the same, however they are written down; only steps can say the same twice. */
  readonly fingerprint?: string
}

export function createWatch(
  id: string,
  origin: Watch['origin'],
  descriptor: WatchDescriptor,
  stageId?: string,
): Watch {
  const { event, events, mode, conditions = [], assign = {} } = descriptor
  const types = event === undefined ? [...new Set(events)] : [event]
  const isForAll = mode === 'all'
  if (stageId !== undefined) return { id, origin, stageId, descriptor, types, isForAll }
  const comparisons = conditions.map(({ field, op, value, valueFrom }) => [field, op, value, valueFrom])
  const fingerprint = JSON.stringify([types, isForAll, comparisons, Object.entries(assign).sort()])
  return { id, origin, descriptor, types, isForAll, fingerprint }
}
