import { type Clock, systemClock } from '../core/clock.js'
import type { JobConsole } from './job-engine.js'
import type { MemoryFigures, Notify, PlanEvent, PlanLogger } from './plan-events.js'
import type { PlanGraph } from './plan-graph.js'
import type { CompileOptions, PlanCallbacks } from './plan-options.js'
import { TextEngine } from './text-engine.js'

/** What the jobs of a compiled plan have around them: every option filled in. */
export interface PlanEnvironment {
  readonly graph: PlanGraph
  readonly clock: Clock
  readonly notify: Notify | undefined
  readonly callbacks: PlanCallbacks
  readonly logger: PlanLogger | undefined
  readonly console: JobConsole
  readonly immutableState: boolean
  /** Keys that are taken out of each result. */
  readonly omit: readonly string[]
  readonly stateLimitMb: number
  readonly maxStateBytes: number
  readonly conditionTimeoutMs: number
  readonly concurrency: number
  readonly resultShape: 'auto' | 'keyed'
  readonly profileIntervalMs: number | undefined
  readonly text: TextEngine
  /** Whether a run may sleep: somebody can wake it. */
  readonly canPause: boolean
  /** Tells whoever watches. */
  readonly observe: ((event: PlanEvent) => void) | undefined
}

export function createEnvironment(
  graph: PlanGraph,
  options: CompileOptions,
  canPause: boolean,
): PlanEnvironment {
  const { onEvent, callbacks = {}, stateLimitMb = 500, logger } = options
  return {
    graph,
    clock: options.clock ?? systemClock,
    notify: callbacks.notify,
    callbacks,
    logger,
    // That of the host may be another one by the next run.
    get console() {
      return options.jobLogger ?? console
    },
    immutableState: options.immutableState ?? false,
    omit: options.statePropsToRemove ?? ['configuration'],
    stateLimitMb,
    maxStateBytes: stateLimitMb > 0 ? stateLimitMb * 1024 * 1024 : Infinity,
    conditionTimeoutMs: options.conditionTimeoutMs ?? 1_000,
    concurrency: options.concurrency ?? graph.concurrency,
    resultShape: options.resultShape ?? 'auto',
    profileIntervalMs: options.profile ? (options.profilePollInterval ?? 10) : undefined,
    text: new TextEngine(graph, options),
    canPause,
    observe: onEvent && ((event) => tell(onEvent, event)),
  }
}

function tell(onEvent: (event: PlanEvent) => void, event: PlanEvent): void {
  try {
    onEvent(event)
  } catch {
    // Whoever watches must not change what happens.
  }
}

interface Host {
  readonly process?: { memoryUsage?: () => { readonly heapUsed: number; readonly rss: number } }
  readonly performance?: { readonly memory?: { readonly usedJSHeapSize: number } }
}

/** Memory of the process, as far as the host tells. */
export function readMemory(): MemoryFigures {
  const { process, performance } = globalThis as Host
  const usage = process?.memoryUsage?.()
  if (usage) return { job: usage.heapUsed, system: usage.rss }
  return { job: performance?.memory?.usedJSHeapSize ?? 0, system: 0 }
}
