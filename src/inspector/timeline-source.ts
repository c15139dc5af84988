import type { Clock } from '../core/clock.js'
import { SystemError } from '../core/system-error.js'
import type { TimelineStore } from '../timeline/timeline-store.js'
import type {
  InspectedRuntime,
  InspectedWorkers,
  InspectorSource,
  WorkersStatus,
} from './inspector-source.js'
import { giveCommand } from './run-command.js'
import { RunWatch } from './run-watch.js'
import { toFault } from './to-fault.js'

export interface TimelineSourceOptions {
  /** Tells of receipts, queues and workflows. @default those views say that there is none */
  readonly runtime?: InspectedRuntime
  /** A `WorkerServer`, whose workers are shown. @default no such page */
  readonly workers?: InspectedWorkers
  /** Lets the inspector abort, resume and signal runs of the runtime. @default true */
  readonly allowControl?: boolean
  /** How often the store is asked what is new, milliseconds. At least 50. @default 500 */
  readonly intervalMs?: number
  /** @default the host's */
  readonly clock?: Clock
}

/** Timelines of a store in this page or process. */
export function timelineSource(store: TimelineStore, options: TimelineSourceOptions = {}): InspectorSource {
  const { runtime, workers, allowControl = true, intervalMs = 500, clock } = options
  if (!(intervalMs >= 50)) {
    throw new SystemError(
      'VALIDATION',
      `Cannot read timelines: "intervalMs" must be at least 50: it is ${intervalMs}`,
    )
  }
  const watch = new RunWatch(store, { intervalMs, ...(clock ? { clock } : {}) })
  return {
    capabilities: () =>
      Promise.resolve({
        hasRuntime: runtime !== undefined,
        canControl: runtime !== undefined && allowControl,
        ...(workers ? { hasWorkers: true } : {}),
      }),
    listRuns: (filter) => guarded(() => store.listRuns(filter)),
    getRunMeta: (runId) => guarded(() => store.getRunMeta(runId)),
    getEvents: (runId, from, to) => guarded(() => store.getEvents(runId, from, to)),
    dispatches: (query) =>
      guarded(() => {
        if (!runtime) throw noRuntime()
        return runtime.dispatches(query)
      }),
    workflows: () => guarded(() => (runtime ? listWorkflows(runtime) : [])),
    workers: () => guarded(() => statusOf(workers)),
    command: (runId, command) =>
      guarded(() => {
        if (!runtime) throw noRuntime()
        if (!allowControl)
          throw new SystemError('UNAUTHORIZED', 'This inspector may only look: set "allowControl"')
        return giveCommand(runtime, runId, command, clock)
      }),
    watch: (listener) => watch.subscribe(listener),
  }
}

export function listWorkflows(runtime: InspectedRuntime) {
  return runtime
    .listWorkflows()
    .map((id) => runtime.registry(id))
    .filter((info) => info !== undefined)
}

/** What is shown of workers, and nothing else of what there is to know of them. */
export function statusOf(server: InspectedWorkers | undefined): WorkersStatus {
  if (!server) {
    throw new SystemError(
      'UNAVAILABLE',
      'There are no workers to ask for: give a worker server to the source',
    )
  }
  const { state, at, uptimeMs, activeRequests, workers, counters, work } = server.status()
  const { requestsCompleted, requestsFailed, requestsLost, heartbeats } = counters
  return {
    state,
    at,
    uptimeMs,
    activeRequests,
    workers,
    counters: { requestsCompleted, requestsFailed, requestsLost, heartbeats },
    work: work.map(({ queued }) => ({ queued })),
  }
}

export function noRuntime(): SystemError {
  return new SystemError('UNAVAILABLE', 'There is no runtime to ask: give one to the source')
}

async function guarded<Value>(action: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await action()
  } catch (error) {
    throw toFault(error)
  }
}
