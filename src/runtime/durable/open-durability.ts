import type { StorageDriver } from '../../storage/storage-driver.js'
import { StoredTimelineStore } from '../../timeline/stored-timeline-store.js'
import type { RuntimeContext } from '../runtime-context.js'
import { Durability, type DurabilityOptions } from './durability.js'
import type { StoreRegistry } from './store-registry.js'

interface OpenOptions extends Omit<DurabilityOptions, 'shared'> {
  /** Where timelines are kept when they have no store of their own. */
  readonly storage: StorageDriver | undefined
}

/** What a runtime needs when its runs are kept; loaded only then. */
export function openDurability(
  registry: StoreRegistry,
  context: RuntimeContext,
  { storage, timelineStore, ...options }: OpenOptions,
): Durability {
  const stored =
    storage && !timelineStore ? new StoredTimelineStore(storage, { clock: context.clock }) : undefined
  // Timelines that stand beside the runs share their commits.
  return storage === registry.driver
    ? new Durability(registry, context, { ...options, timelineStore, shared: stored })
    : new Durability(registry, context, {
        ...options,
        timelineStore: timelineStore ?? stored,
        shared: undefined,
      })
}
