import type { StorageDriver } from '../../storage/storage-driver.js'
import { StoredTimelineStore } from '../../timeline/stored-timeline-store.js'
import type { RuntimeContext } from '../runtime-context.js'
import { Durability, type DurabilityOptions } from './durability.js'

/** What a runtime needs when its storage outlives it; loaded only then. */
export function openDurability(
  driver: StorageDriver,
  context: RuntimeContext,
  options: Omit<DurabilityOptions, 'shared'>,
): Durability {
  // Timelines that stand beside the runs share their commits.
  const shared = options.timelineStore ? undefined : new StoredTimelineStore(driver, { clock: context.clock })
  return new Durability(driver, context, { ...options, shared })
}
