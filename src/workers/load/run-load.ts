import { type Clock, type TimerHandle, systemClock } from '../../core/clock.js'
import type { ArchiveEntry } from '../manager/archive-manager.js'
import type { ExecutionProfile } from '../runner/execution-profile.js'
import type { RunnerHandle } from '../manager/runner-handle.js'
import type { RunnerOptions } from '../runner/runner-options.js'
import { LoadMetrics } from './load-metrics.js'
import { type LoadSummary, summarizeLoad } from './load-summary.js'
import { splitProfile } from './split-profile.js'
import {
  type ThresholdResult,
  type Thresholds,
  compileThresholds,
  evaluateThresholds,
  findBreach,
} from './thresholds.js'

/** What `runLoad` needs of a `WorkerManager`. */
export interface RunnerSource {
  addRunner(options: RunnerOptions): Promise<RunnerHandle>
}

export interface RunLoadOptions {
  /** For the summary. @default the `testType` */
  readonly name?: string
  /** Which runner of the workers' script. */
  readonly testType: string
  readonly executionProfile?: ExecutionProfile
  /** What its code finds as `ctx.options`. */
  readonly options?: Readonly<Record<string, unknown>>
  /** How many runners share the load; placement spreads them over the workers. From 1. @default 1 */
  readonly runners?: number
  readonly thresholds?: Thresholds
  /** Stops the load as its end would: what is under way has its grace period. */
  readonly signal?: AbortSignal
  /** Called once a second, and at the end. */
  readonly onProgress?: (progress: LoadProgress) => void
  /** @default the host's */
  readonly clock?: Clock
}

/** A load on its way. */
export interface LoadProgress {
  readonly elapsedMs: number
  readonly metrics: LoadMetrics
  /** How the thresholds stand now. */
  readonly thresholds: readonly ThresholdResult[]
  /** Set once a threshold has ended the load before its time. */
  readonly breach: ThresholdResult | undefined
  readonly isOver: boolean
}

const PROGRESS_MS = 1000

/**
 * Runs a load on the workers of a manager, to its end, and says what came of it. A runner that fails does not end the
 * others; it is in the summary. The manager stays open.
 *
 * @throws {SystemError} `VALIDATION` when profile or thresholds are malformed, and what `addRunner` throws; nothing runs then.
 */
export async function runLoad(manager: RunnerSource, options: RunLoadOptions): Promise<LoadSummary> {
  const { testType, executionProfile = {}, clock = systemClock, signal, onProgress } = options
  const thresholds = compileThresholds(options.thresholds ?? {})
  const profiles = splitProfile(executionProfile, options.runners ?? 1)
  const runners = await addRunners(manager, profiles, options)
  const metrics = new LoadMetrics(clock.now())
  let breach: ThresholdResult | undefined
  let stopping: Promise<unknown> | undefined

  const elapsedMs = () => clock.now() - metrics.startedAt
  const figures = () => ({
    totals: metrics.totals,
    serviceTime: metrics.serviceTime,
    responseTime: metrics.responseTime,
    durationMs: elapsedMs(),
  })
  // A runner that has just come to its end refuses; that is what was wanted.
  const stop = () => void (stopping ??= Promise.allSettled(runners.map((runner) => runner.stop())))
  const check = () => {
    if (breach ?? stopping) return
    breach = findBreach(thresholds, figures())
    if (breach) stop()
  }
  const tell = (isOver: boolean) =>
    onProgress?.({
      elapsedMs: elapsedMs(),
      metrics,
      thresholds: evaluateThresholds(thresholds, figures()),
      breach,
      isOver,
    })
  let timer: TimerHandle
  const tick = () => {
    timer = clock.setTimeout(() => {
      check()
      tell(false)
      tick()
    }, PROGRESS_MS)
  }

  const ends = runners.map(async (runner) => {
    runner.on('telemetry', (snapshot) => {
      metrics.add(snapshot)
      check()
    })
    const entry = await runner.ended()
    metrics.end(runner.id)
    return entry
  })
  signal?.addEventListener('abort', stop)
  tick()
  try {
    await Promise.allSettled(runners.map((runner) => runner.start()))
    if (signal?.aborted) stop()
    const entries = await Promise.all(ends)
    tell(true)
    return summarizeLoad(metrics, {
      name: options.name ?? testType,
      durationMs: elapsedMs(),
      thresholds,
      breach,
      runners: countBy(entries, ({ state }) => state),
      failures: countBy(
        entries.filter(({ state }) => state === 'error'),
        failureOf,
      ),
    })
  } finally {
    clock.clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

async function addRunners(
  manager: RunnerSource,
  profiles: readonly ExecutionProfile[],
  { testType, options }: RunLoadOptions,
): Promise<readonly RunnerHandle[]> {
  const added = await Promise.allSettled(
    profiles.map((executionProfile) =>
      manager.addRunner({ testType, executionProfile, ...(options && { options }) }),
    ),
  )
  const runners = added.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const failed = added.find((each) => each.status === 'rejected')
  if (!failed) return runners
  await Promise.allSettled(runners.map((runner) => runner.terminate()))
  throw failed.reason
}

function failureOf({ error }: ArchiveEntry): string {
  return error?.message ?? 'no reason given'
}

function countBy<Item>(items: readonly Item[], key: (item: Item) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1
  return counts
}
