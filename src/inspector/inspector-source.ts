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
  /** Whether there is a server of remote workers to be seen. @default false */
  readonly hasWorkers?: boolean
}

/** A command to a live run. */
export type RunCommand =
  | { readonly type: 'abort'; readonly reason?: string }
  | { readonly type: 'resume'; readonly patch?: Readonly<Record<string, unknown>> }
  | { readonly type: 'signal'; readonly patch: Readonly<Record<string, unknown>> }

/** Hears of runs that are new or have changed, and of a source that does not answer. What it throws, its own `failed` is told. */
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
  /** The remote workers; `UNAVAILABLE` without a server of them. */
  workers?(): Promise<WorkersStatus>
  /** Carries out a command; `UNAUTHORIZED` where that is not allowed. */
  command(runId: string, command: RunCommand): Promise<void>
  /** Tells of changes until the function that it returns is called. */
  watch(listener: RunListener): () => void
}

/** A remote worker, as it is shown. */
export interface WorkerLine {
  readonly id: string
  readonly name: string
  /** `available`, `busy`, `draining` or `unhealthy`. */
  readonly status: string
  readonly zone?: string
  readonly models: readonly string[]
  readonly tasks: readonly string[]
  readonly slots: number
  readonly activeRequests: number
  readonly completedRequests: number
  readonly connectedMs: number
  readonly silentMs: number
}

/** The remote workers of a server and their requests, at one instant. */
export interface WorkersStatus {
  readonly state: string
  /** Epoch milliseconds. */
  readonly at: number
  readonly uptimeMs: number
  readonly activeRequests: number
  readonly workers: readonly WorkerLine[]
  readonly counters: {
    readonly requestsCompleted: number
    readonly requestsFailed: number
    readonly requestsLost: number
    readonly heartbeats: number
  }
  readonly work: readonly { readonly queued: number }[]
}

/** What the inspector uses of a `WorkerServer`. */
export interface InspectedWorkers {
  status(): WorkersStatus
}

/** What the inspector uses of a {@link WorkflowRuntime}. */
export type InspectedRuntime = Pick<
  WorkflowRuntime,
  'dispatches' | 'listWorkflows' | 'registry' | 'abort' | 'resume' | 'signal'
>
