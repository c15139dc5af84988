import type { StorageDriver } from '../../storage/storage-driver.js'
import { StoredTimelineStore } from '../../timeline/stored-timeline-store.js'
import type { RuntimeContext } from '../runtime-context.js'
import { Durability } from './durability.js'

/** What a runtime needs when its storage outlives it; loaded only then. */
export function openDurability(
  driver: StorageDriver,
  context: RuntimeContext,
  claimTtlMs: number,
  hasOwnTimelines: boolean,
): Durability {
  const timelines = hasOwnTimelines ? undefined : new StoredTimelineStore(driver, { clock: context.clock })
  return new Durability(driver, context, timelines, claimTtlMs)
}
