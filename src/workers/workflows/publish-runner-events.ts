import type { AnyEventBus } from '../../bus/event-bus.js'
import { type Clock, systemClock } from '../../core/clock.js'
import { type Duration, toMs } from '../../core/duration.js'
import { type SerializedError, isSystemError } from '../../core/system-error.js'
import type { WatchDescriptor } from '../../pipeline/watch-descriptor.js'
import type { RunnerOptions } from '../runner/runner-options.js'
import { type RunnerState, type StateChange, isFinal } from '../runner/runner-state.js'
import type { TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'
import type { ThresholdBreach } from '../manager/worker-manager-events.js'
import type { WorkerManager } from '../manager/worker-manager.js'

/** A runner's numbers as an event carries them: without single samples. */
export type PublishedTelemetry = Omit<TelemetrySnapshot, 'samples'>

/** What a manager publishes. */
export interface RunnerBusEvents {
  /** A runner went to another state. */
  'runner:state': {
    readonly runnerId: string
    readonly workerId: string
    readonly testType: string
    readonly tags: readonly string[]
    readonly from: RunnerState
    readonly state: RunnerState
    /** Whether nothing follows. */
    readonly isFinal: boolean
    readonly reason: StateChange['reason']
    readonly at: number
    readonly error?: SerializedError
  }
  /** A threshold of a runner does not hold any more. */
  'runner:threshold': ThresholdBreach & { readonly testType: string; readonly tags: readonly string[] }
  /** The newest numbers of every runner that had some since the event before. */
  'runner:telemetry': { readonly runners: readonly PublishedTelemetry[] }
}

export interface PublishRunnerEventsOptions {
  /** How often `runner:telemetry` is published at most, however many batches there are. @default '1s' */
  readonly telemetryEvery?: Duration
  /** @default the host's */
  readonly clock?: Clock
}

/**
 * Puts the events of a manager's runners on a bus, so that workflows can be triggered by them and wait for them. The numbers
 * of a runner are published before its final state.
 *
 * @returns how to stop; what is kept back then is published first.
 */
export function publishRunnerEvents(
  manager: Pick<WorkerManager, 'on' | 'registry'>,
  bus: AnyEventBus,
  { telemetryEvery = '1s', clock = systemClock }: PublishRunnerEventsOptions = {},
): () => void {
  const everyMs = toMs(telemetryEvery)
  const newest = new Map<string, PublishedTelemetry>()
  let timer: unknown

  function publish<Type extends keyof RunnerBusEvents>(type: Type, payload: RunnerBusEvents[Type]): void {
    try {
      bus.publish(type, payload)
    } catch (error) {
      // The bus is closed: nobody listens any more.
      if (!isSystemError(error) || error.code !== 'UNAVAILABLE') throw error
      stop()
    }
  }

  function flush(): void {
    clock.clearTimeout(timer)
    timer = undefined
    if (newest.size === 0) return
    const runners = [...newest.values()]
    newest.clear()
    publish('runner:telemetry', { runners })
  }

  const unsubscribes = [
    manager.on('telemetry', ({ samples: _, ...numbers }) => {
      newest.set(numbers.runnerId, numbers)
      timer ??= clock.setTimeout(flush, everyMs)
    }),
    manager.on('thresholdBreach', (breach) => {
      const record = manager.registry.getRunner(breach.workerId, breach.runnerId)
      if (!record) return
      const { testType, tags = [] } = record.options
      publish('runner:threshold', { ...breach, testType, tags })
    }),
    manager.on('stateChange', (change) => {
      const { from, to, workerId, runnerId } = change
      const record = manager.registry.getRunner(workerId, runnerId)
      if (from !== to && record) publish('runner:state', describeChange(change, record.options))
    }),
    // Out of the registry by now: what is told of a runner's end is in its entry.
    manager.on('archived', ({ runnerHistory, runnerOptions }) => {
      flush()
      publish('runner:state', describeChange(runnerHistory.at(-1)!, runnerOptions))
    }),
  ]
  let isOpen = true
  function stop(): void {
    if (!isOpen) return
    isOpen = false
    for (const unsubscribe of unsubscribes) unsubscribe()
    flush()
  }
  return stop
}

function describeChange(
  change: StateChange,
  { testType, tags = [] }: RunnerOptions,
): RunnerBusEvents['runner:state'] {
  const { runnerId, workerId, from, to, reason, at, error } = change
  const ids = { runnerId, workerId, testType, tags }
  return { ...ids, from, state: to, isFinal: isFinal(to), reason, at, ...(error && { error }) }
}

/** What a run waits for that wants to know how a runner ended; needs {@link publishRunnerEvents}. Register it before the runner starts. */
export function untilRunnerEnds(runnerId: string): WatchDescriptor {
  return {
    event: 'runner:state',
    conditions: [
      { field: 'runnerId', op: '==', value: runnerId },
      { field: 'isFinal', op: '==', value: true },
    ],
  }
}
