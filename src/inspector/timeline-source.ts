import type { Clock } from '../core/clock.js'
import { SystemError } from '../core/system-error.js'
import type { TimelineStore } from '../timeline/timeline-store.js'
import type { InspectedRuntime, InspectorSource } from './inspector-source.js'
import { giveCommand } from './run-command.js'
import { RunWatch, toFault } from './run-watch.js'

export interface TimelineSourceOptions {
  /** Tells of receipts, queues and workflows. @default those views say that there is none */
  readonly runtime?: InspectedRuntime
  /** Lets the inspector abort, resume and signal runs of the runtime. @default true */
  readonly allowControl?: boolean
  /** How often the store is asked what is new, milliseconds. At least 50. @default 500 */
  readonly intervalMs?: number
  /** @default the host's */
  readonly clock?: Clock
}

/** Timelines of a store in this page or process. */
export function timelineSource(store: TimelineStore, options: TimelineSourceOptions = {}): InspectorSource {
  const { runtime, allowControl = true, intervalMs = 500, clock } = options
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
