import { toMs } from '../core/duration.js'
import type { TimelineRecorder } from '../timeline/timeline-recorder.js'
import type { TimelineStore } from '../timeline/timeline-store.js'
import { createRecorder } from './create-recorder.js'
import type { Durability } from './durable/durability.js'
import { StoreRegistry } from './durable/store-registry.js'
import type { RuntimeContext } from './runtime-context.js'
import type { WorkflowRuntimeOptions } from './runtime-options.js'

type StoreOptions = Pick<
  WorkflowRuntimeOptions,
  'claimTtl' | 'redact' | 'retention' | 'storage' | 'storeRegistry' | 'timeline' | 'timelineStore'
>

/**
 * What a runtime keeps things in: the store of timelines, which is there from the beginning when it was given, and the
 * storage, which is opened when it is first needed and brings a store of timelines along.
 */
export class EngineStores {
  readonly #options: StoreOptions
  readonly #context: RuntimeContext
  readonly #claimTtlMs: number
  readonly #onOwnerGone: () => void
  recorder: TimelineRecorder | undefined
  timelines: TimelineStore | undefined
  durability: Durability | undefined
  #isClosed = false

  /** @param onOwnerGone Told when another process has fallen silent. */
  constructor(options: StoreOptions, context: RuntimeContext, onOwnerGone: () => void) {
    this.#options = options
    this.#context = context
    this.#claimTtlMs = toMs(options.claimTtl ?? '10s')
    this.#onOwnerGone = onOwnerGone
    if (options.timelineStore) this.#record(options.timelineStore)
  }

  /** Opens the storage, if there is one and it is not open. */
  async open(): Promise<void> {
    const { storage, storeRegistry, timelineStore, retention } = this.#options
    const registry = storeRegistry ?? (storage && new StoreRegistry(storage))
    if (!registry || this.durability) return
    const { openDurability } = await import('./durable/open-durability.js')
    if (this.durability || this.#isClosed) return
    this.durability = openDurability(registry, this.#context, {
      claimTtlMs: this.#claimTtlMs,
      storage,
      timelineStore,
      retention,
      onOwnerGone: this.#onOwnerGone,
    })
    const { recorded } = this.durability
    if (recorded && recorded !== timelineStore) this.#record(recorded)
  }

  /** Nothing is opened any more, not even what is being loaded. */
  close(): void {
    this.#isClosed = true
  }

  #record(timelines: TimelineStore): void {
    const context = this.#context
    this.timelines = timelines
    this.recorder = createRecorder(timelines, this.#options, context.clock, (error, what) =>
      context.report(error, what),
    )
  }
}
