/**
 * `busline/timeline`: timelines beyond the two stores of the root entry. Stores over any storage driver, traces for
 * OpenTelemetry, and the recorder for those who drive runs themselves. Guide: `docs/timelines.md`.
 */
export { type MemoryTimelineStoreOptions, MemoryTimelineStore } from './memory-timeline-store.js'
export {
  type OpenTelemetryOptions,
  type OtelAttributes,
  type OtelContext,
  type OtelLogger,
  type OtelSpan,
  type OtelSpanContext,
  type OtelTracer,
  openTelemetrySink,
} from './open-telemetry.js'
export type { EventLog } from './event-log.js'
export { type RedactPath, type Redaction, type RedactionOptions, createRedaction } from './redaction.js'
export type { BatchOutcome, LossReason, RecordedState, RecordingOptions } from './recording-host.js'
export type { RunRecording } from './run-recording.js'
export { type StoredTimelineStoreOptions, StoredTimelineStore } from './stored-timeline-store.js'
export {
  type TimelineEvent,
  type TimelineEventType,
  type TimelineSource,
  type TimelineState,
} from './timeline-event.js'
export { TimelinePlayer } from './timeline-player.js'
export {
  type LossReport,
  type TimelineRecorderOptions,
  type TimelineSink,
  TimelineRecorder,
} from './timeline-recorder.js'
export {
  type PruneOptions,
  type PruneResult,
  type RunFilter,
  type RunPage,
  type RunTimelineMeta,
  type TextChunks,
  TIMELINE_STATUSES,
  type TimelineBatch,
  type TimelinePosition,
  type TimelineSnapshot,
  type TimelineStatus,
  type TimelineStore,
} from './timeline-store.js'
