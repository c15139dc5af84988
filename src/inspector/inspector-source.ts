import type { SystemError } from '../core/system-error.js'
import type { DispatchQuery } from '../runtime/receipts.js'
import type { DispatchReport, RegistrationInfo } from '../runtime/runtime-options.js'
import type { WorkflowRuntime } from '../runtime/workflow-runtime.js'
import type { TimelineEvent } from '../timeline/timeline-event.js'
import type { RunFilter, RunPage, RunTimelineMeta } from '../timeline/timeline-store.js'

/** What may be asked of a source besides its timelines. */
export interface InspectorCapabilities {
  /** Whether there is a runtime that can tell of receipts, queues and workflows. */
  readonly hasRuntime: boolean
  /** Whether runs can be aborted, resumed and signalled. */
  readonly canControl: boolean
}

/** A command to a live run. */
export type RunCommand =
  | { readonly type: 'abort'; readonly reason?: string }
  | { readonly type: 'resume'; readonly patch?: Readonly<Record<string, unknown>> }
  | { readonly type: 'signal'; readonly patch: Readonly<Record<string, unknown>> }

/** Hears of runs that are new or have changed, and of a source that does not answer. */
export interface RunListener {
  /** Called once with everything that is recent, then with what has changed since. */
  changed(runs: readonly RunTimelineMeta[]): void
  /** The source does not answer; it is asked again. */
  failed?(error: SystemError): void
}

/**
 * Where an inspector reads: a store in the page, or a server. All methods reject with a `SystemError`.
 */
export interface InspectorSource {
  capabilities(): Promise<InspectorCapabilities>
  listRuns(filter?: RunFilter): Promise<RunPage>
  getRunMeta(runId: string): Promise<RunTimelineMeta | undefined>
  /** Events in order from `from` on, at most up to `to`; there may be fewer, but none only when there are none. */
  getEvents(runId: string, from: number, to: number): Promise<readonly TimelineEvent[]>
  /** Receipts, queue lengths and active runs; `UNAVAILABLE` without a runtime. */
  dispatches(query: DispatchQuery): Promise<DispatchReport>
  /** The registered workflows; none without a runtime. */
  workflows(): Promise<readonly RegistrationInfo[]>
  /** Carries out a command; `UNAUTHORIZED` where that is not allowed. */
  command(runId: string, command: RunCommand): Promise<void>
  /** Tells of changes until the function that it returns is called. */
  watch(listener: RunListener): () => void
}

/** What the inspector uses of a {@link WorkflowRuntime}. */
export type InspectedRuntime = Pick<
  WorkflowRuntime,
  'dispatches' | 'listWorkflows' | 'registry' | 'abort' | 'resume' | 'signal'
>
