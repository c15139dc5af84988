import type { AnyEventBus } from '../bus/event-bus.js'
import type { ArtifactContainer } from '../container/artifact-container.js'
import type { Clock } from '../core/clock.js'
import type { IdSource } from '../core/ids.js'
import type { Logger } from '../core/logger.js'
import type { TimelineRecorder } from '../timeline/timeline-recorder.js'
import type { Durability } from './durable/durability.js'
import type { Executors } from './executors.js'
import type { ReceiptLog } from './receipts.js'
import type { RunDirectory } from './run-directory.js'
import type { WatchIndex } from './waiting/watch-index.js'

/** What all parts of one runtime share. */
export interface RuntimeContext {
  readonly bus: AnyEventBus
  readonly clock: Clock
  readonly ids: IdSource
  readonly random: () => number
  readonly logger: Logger
  readonly services: ArtifactContainer
  readonly env: Readonly<Record<string, unknown>> | undefined
  readonly executors: Executors
  readonly watches: WatchIndex
  readonly receipts: ReceiptLog
  readonly runs: RunDirectory
  /** Absent when nothing is recorded. */
  readonly recorder: TimelineRecorder | undefined
  readonly hookTimeoutMs: number
  /** Whether `stop()` was called. */
  isStopping(): boolean
  readonly bufferLimit: number
  /** Absent where nothing outlives the process. */
  readonly durability: Durability | undefined
  /** A write that whoever waits for safety must wait for too. */
  track(write: Promise<void>): void
  /** Something that must be known before an event is decided on. Must not reject. */
  check(act: Promise<void>): void
  /** Something that nobody must wait for but who ends the runtime. Must not reject. */
  tidy(act: Promise<void>): void
  /** A hook that hears of an end, for which only `stop()` waits: its workflow may be deregistered in it. Must not reject. */
  telling(act: Promise<void>): void
  /** Resolves when the writes that are under way now are safe, or have failed. */
  written(): Promise<unknown>
  /** Resolves when no workflow is being registered any more; rejects when the runtime is stopped before. */
  whenRegistered(): Promise<void>
  /** Logs a fault that has nobody else to go to, and publishes it as `bus:error`. Never throws. */
  report(error: unknown, what: string): void
}
