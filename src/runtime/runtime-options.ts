import type { EventBus } from '../bus/event-bus.js'
import type { ServicesInput } from '../container/service-templates.js'
import type { BusEvent, EventMap } from '../core/bus-event.js'
import type { Clock } from '../core/clock.js'
import type { Duration } from '../core/duration.js'
import type { IdSource } from '../core/ids.js'
import type { Logger } from '../core/logger.js'
import type { StateObject } from '../state/change.js'
import type { StorageDriver } from '../storage/storage-driver.js'
import type { RedactPath } from '../timeline/redaction.js'
import type { TimelineRecorderOptions } from '../timeline/timeline-recorder.js'
import type { TimelineStore } from '../timeline/timeline-store.js'
import type { Executors } from './executors.js'
import type { StoreRegistry } from './durable/store-registry.js'
import type { RetentionOptions } from './durable/retention-options.js'
import type { ForkAt } from './fork-point.js'
import type { Occupancy } from './modes/mode.js'
import type { DispatchAnswer } from './receipts.js'

export interface WorkflowRuntimeOptions<Events extends EventMap = Record<string, unknown>> {
  readonly bus: EventBus<Events>
  /** Services for all workflows. */
  readonly services?: ServicesInput
  /** What `__env__` answers when the workflow's own layer has nothing. @default `process.env`, where there is one */
  readonly env?: Readonly<Record<string, unknown>>
  /** @default the host's */
  readonly clock?: Clock
  /** @default UUIDv7 */
  readonly ids?: IdSource
  /** A number from 0 to 1, for the jitter of retries. @default Math.random */
  readonly random?: () => number
  /** Where the runtime and `ctx.logger` write. @default console */
  readonly logger?: Logger
  /**
   * Where runs and their timelines are kept. What goes on with them is another runtime on the same storage: in the next
   * process, where it is durable; see `docs/durability.md`. It stays open when the runtime stops.
   * @default nowhere: runs live in memory
   */
  readonly storage?: StorageDriver
  /** Where runs are kept, when not in `storage`. @default in `storage` */
  readonly storeRegistry?: StoreRegistry
  /**
   * How long a process counts as alive after it last said so; then its runs may be taken over. At least 1 s makes
   * sense. @default '10s'
   */
  readonly claimTtl?: Duration
  /**
   * Where steps with a `task` run. They stay open when the runtime stops. A step names one; without a name it is the one
   * called `default`, or the only one. @default none: steps run in this thread
   */
  readonly executors?: Executors
  /**
   * Removes what is left of runs that have ended, once a minute, as far as it exceeds these limits; see `prune()`.
   * @default what has ended stays
   */
  readonly retention?: RetentionOptions
  /** Records runs as timelines. @default in `storage`; without one nothing is recorded */
  readonly timelineStore?: TimelineStore
  /** How timelines are recorded. */
  readonly timeline?: Omit<TimelineRecorderOptions, 'store' | 'clock' | 'redaction' | 'onLoss'>
  /** Places in the run state that are never recorded, such as `card.number` or `users.*.password`. @default none */
  readonly redact?: readonly RedactPath[]
  /** How many events are kept for the next pause of one pipeline; the oldest stay. At least 0. @default 1000 */
  readonly bufferLimit?: number
  /** How long a hook may take. @default '30s' */
  readonly hookTimeout?: Duration
  /** How many receipts `dispatches()` can tell of. @default 1000 */
  readonly maxReceipts?: number
  /** How many runs that ended `watch()` and `listAllRuns()` remember. @default 1000 */
  readonly maxEndedRuns?: number
}

export interface StopOptions {
  /** Lets runs that are under way end or pause first. Paused ones are not waited for. @default false */
  readonly drain?: boolean
  /** How long to wait for them before they are aborted. @default '30s' */
  readonly timeout?: Duration
}

/** Where a fork begins (after the event `seq`, or at the first visit of `stageId`), and with what. */
export type ForkOptions = ForkAt & {
  /** @default the state of that point, with what was redacted redacted */
  readonly state?: StateObject
  /** The event that the new run starts from. @default that of the run, as long as the runtime knows it */
  readonly event?: BusEvent
}

/** What `dispatches()` knows: receipts, and what is going on now. */
export interface DispatchReport extends DispatchAnswer {
  /** Runs that hold a slot, per workflow and key. */
  readonly active: readonly (Occupancy & { readonly workflowId: string })[]
  /** How many events wait: in a queue, or held back by debounce or throttle. */
  readonly queued: number
}

/** What a workflow is registered with, and how busy it is. */
export interface RegistrationInfo {
  readonly workflowId: string
  readonly version?: string
  readonly label?: string
  readonly triggers: readonly { readonly id: string; readonly event: string; readonly pipeline: string }[]
  readonly mode: string
  readonly active: number
  readonly queued: number
}
