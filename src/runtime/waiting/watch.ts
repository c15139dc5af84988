import type { BusEvent } from '../../core/bus-event.js'
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
  /** With `mode: 'all'`, the events it has so far. */
  readonly collected: Map<string, BusEvent> | undefined
}

export function createWatch(
  id: string,
  origin: Watch['origin'],
  descriptor: WatchDescriptor,
  stageId?: string,
): Watch {
  const types = descriptor.event === undefined ? [...new Set(descriptor.events)] : [descriptor.event]
  return {
    id,
    origin,
    descriptor,
    types,
    collected: descriptor.mode === 'all' && types.length > 1 ? new Map() : undefined,
    ...(stageId === undefined ? {} : { stageId }),
  }
}
