import type { Clock } from '../../core/clock.js'
import type { Duration } from '../../core/duration.js'
import { type IdSource, uuidv7 } from '../../core/ids.js'
import { LOG_LEVELS, type LogLevel, type Logger } from '../../core/logger.js'
import { OptionReader } from '../../core/option-reader.js'
import type { StorageDriver } from '../../storage/storage-driver.js'
import { PLACEMENTS, type Placement, type PlacementName, createPlacement } from './placement.js'
import type { TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'
import type { HostResourceLimits, WorkerHostFactory } from '../hosts/worker-host.js'

/** What a runner's `ctx.call(name, payload)` reaches; what it returns, or throws, goes back. */
export type CallHandler = (
  payload: unknown,
  from: { readonly runnerId: string; readonly workerId: string },
) => unknown

export interface RestartOptions {
  /** `onFailure`: whenever a host came to its end by itself, also with exit code 0; not when the manager ended it. @default 'onFailure' */
  readonly policy?: 'never' | 'onFailure'
  /** So many restarts within `within`, then the supervisor gives up (event `giveUp`). From 0. @default 5 */
  readonly maxRestarts?: number
  /** @default '1m' */
  readonly within?: Duration
  /** Before the first restart; each further one waits `factor` times as long, up to `maxDelay`. @default '100ms' */
  readonly delay?: Duration
  /** From 1. @default 2 */
  readonly factor?: number
  /** @default '10s' */
  readonly maxDelay?: Duration
  /** A host that lived so long has started well: the delay begins anew. @default '10s' */
  readonly minUptime?: Duration
}

export interface HeartbeatOptions {
  /** How often a host that has said nothing is asked for a sign of life. @default '5s' */
  readonly interval?: Duration
  /** After so many without an answer the host is lost and ended by force. From 1. @default 3 */
  readonly misses?: number
}

export interface WorkerManagerOptions {
  /** Opens the hosts: `nodeHost(…)`, `webHost(…)` or `inProcessHost(…)`. */
  readonly host: WorkerHostFactory
  /** Opens the hosts of workers that are added as `mocked`. */
  readonly mockedHost?: WorkerHostFactory
  /** How long a reply may take; a stop has its runner's `gracePeriod` on top. @default '10s' */
  readonly messageTimeout?: Duration
  /** How long a host may take to load its script. @default '30s' */
  readonly startTimeout?: Duration
  /** How long a hook of a runner may take; then the runner has failed. @default '30s' */
  readonly hookTimeout?: Duration
  /** How many messages to one host may wait for their reply; one more is refused with `CAPACITY`. From 1. @default 10_000 */
  readonly maxPendingMessages?: number
  /** How many runners that ended are kept; 0 keeps none. @default 200 */
  readonly maxArchiveListLength?: number
  /** Where they are kept beyond this process; timelines may be in the same one. It stays open. @default memory alone */
  readonly archiveStorage?: StorageDriver
  /** What every key of the archive begins with. @default 'runners/' */
  readonly archivePrefix?: string
  /** When telemetry leaves a worker: with so many items, or so long after the first one. @default 50 items, 1000 ms */
  readonly telemetry?: { readonly maxItems?: number; readonly maxDelay?: Duration }
  /** Gets every snapshot, besides the listeners. */
  readonly publisher?: (snapshot: TelemetrySnapshot) => void
  /** What runners can call. @default none */
  readonly handlers?: Readonly<Record<string, CallHandler>>
  /** Which host a runner goes to that was given none. @default 'leastRunners' */
  readonly placement?: PlacementName | Placement
  /** So many hosts are kept, also when they have nothing to do. From 0. @default 0 */
  readonly minWorkers?: number
  /** So many hosts at most. @default without a bound for `addWorker`; as many as there are processors for hosts that are added by themselves */
  readonly maxWorkers?: number
  /** How long a host beyond `minWorkers` stays without runners and tasks. @default Infinity */
  readonly idleTimeout?: Duration
  /** Bounds on a thread's memory. Buffers outside the heap are not counted by Node, and a flag on its command line wins. @default Node's */
  readonly resourceLimits?: HostResourceLimits
  readonly restart?: RestartOptions
  /** `false` for none: then a silent host is only noticed by timeouts. */
  readonly heartbeat?: HeartbeatOptions | false
  /** @default console */
  readonly logger?: Logger
  /** What workers and runners say below this level is not sent. @default 'warn' */
  readonly logLevel?: LogLevel | 'silent'
  /** @default the host's */
  readonly clock?: Clock
  /** @default UUIDv7 */
  readonly ids?: IdSource
}

/** The options with everything filled in, in milliseconds. */
export type ManagerSettings = ReturnType<typeof readManagerOptions>

/** @throws {SystemError} `VALIDATION` naming every option that is wrong, and what is allowed. */
export function readManagerOptions(options: WorkerManagerOptions) {
  const reader = new OptionReader()
  const { logger = console, publisher, handlers = {} } = options ?? {}
  const restart = reader.group('restart', options?.restart)
  const telemetry = reader.group('telemetry', options?.telemetry)
  const heartbeat = options?.heartbeat === false ? false : reader.group('heartbeat', options?.heartbeat)
  if (publisher !== undefined && typeof publisher !== 'function')
    reader.refuse('publisher', 'must be a function')
  for (const [name, handler] of Object.entries(reader.group('handlers', handlers))) {
    if (typeof handler !== 'function') reader.refuse(`handlers.${name}`, 'must be a function')
  }
  if (typeof options?.host?.open !== 'function')
    reader.refuse('host', 'must be nodeHost(), webHost() or inProcessHost()')
  if (options?.logLevel !== undefined && ![...LOG_LEVELS, 'silent'].includes(options.logLevel)) {
    reader.refuse('logLevel', `must be one of ${[...LOG_LEVELS, 'silent'].join(', ')}`)
  }
  const { placement = 'leastRunners' } = options ?? {}
  if (typeof placement !== 'function' && !PLACEMENTS.includes(placement)) {
    reader.refuse('placement', `must be a function or one of ${PLACEMENTS.join(', ')}`)
  }
  if (restart.policy !== undefined && !['never', 'onFailure'].includes(restart.policy)) {
    reader.refuse('restart.policy', 'must be one of never, onFailure')
  }
  if (restart.factor !== undefined && !(restart.factor >= 1))
    reader.refuse('restart.factor', 'must be a number from 1')
  const messageTimeoutMs = reader.duration('messageTimeout', options?.messageTimeout, '10s')
  const minWorkers = reader.whole('minWorkers', options?.minWorkers, 0, 0)
  const maxWorkers = reader.whole('maxWorkers', options?.maxWorkers, Infinity, 1)
  if (maxWorkers < minWorkers)
    reader.refuse('maxWorkers', `must be at least minWorkers, which is ${minWorkers}`)
  const settings = {
    host: options?.host,
    mockedHost: options?.mockedHost,
    messageTimeoutMs,
    startTimeoutMs: reader.duration('startTimeout', options?.startTimeout, '30s'),
    hookTimeoutMs: reader.duration('hookTimeout', options?.hookTimeout, '30s'),
    maxPendingMessages: reader.whole('maxPendingMessages', options?.maxPendingMessages, 10_000, 1),
    maxArchiveListLength: reader.whole('maxArchiveListLength', options?.maxArchiveListLength, 200, 0),
    archiveStorage: options?.archiveStorage,
    archivePrefix: options?.archivePrefix ?? 'runners/',
    telemetryItems: reader.whole('telemetry.maxItems', telemetry.maxItems, 50, 1),
    telemetryDelayMs: reader.duration('telemetry.maxDelay', telemetry.maxDelay, 1000),
    publisher,
    handlers,
    placement: createPlacement(placement),
    minWorkers,
    maxWorkers,
    maxGrowth: Number.isFinite(maxWorkers) ? maxWorkers : processors(),
    idleTimeoutMs: reader.duration('idleTimeout', options?.idleTimeout, Infinity),
    resourceLimits: options?.resourceLimits,
    restart: {
      policy: restart.policy ?? 'onFailure',
      maxRestarts: reader.whole('restart.maxRestarts', restart.maxRestarts, 5, 0),
      withinMs: reader.duration('restart.within', restart.within, '1m'),
      delayMs: reader.duration('restart.delay', restart.delay, '100ms'),
      factor: restart.factor ?? 2,
      maxDelayMs: reader.duration('restart.maxDelay', restart.maxDelay, '10s'),
      minUptimeMs: reader.duration('restart.minUptime', restart.minUptime, '10s'),
    },
    heartbeat:
      heartbeat === false
        ? undefined
        : {
            intervalMs: reader.duration('heartbeat.interval', heartbeat.interval, '5s'),
            misses: reader.whole('heartbeat.misses', heartbeat.misses, 3, 1),
          },
    logger,
    logLevel: options?.logLevel ?? 'warn',
    clock: reader.clock(options?.clock),
    ids: options?.ids ?? uuidv7,
  } as const
  reader.finish('create a worker manager')
  return settings
}

function processors(): number {
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } }
  return navigator?.hardwareConcurrency ?? 4
}
