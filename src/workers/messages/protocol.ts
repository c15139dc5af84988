import type { SerializedError } from '../../core/system-error.js'
import type { LogLevel } from '../../core/logger.js'
import type { RunnerOptions, RunnerUpdate } from '../runner/runner-options.js'
import type { RunnerCommand, RunnerState, StateChange } from '../runner/runner-state.js'
import type { TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'

/**
 * What travels between a manager and a worker, and nothing else does.
 *
 * W1. The first message to a worker is `messagePort`; it alone goes over the worker itself, all others over that port.
 * W2. A message with an `id` above 0 is answered exactly once, by a reply with the same `id`; one with `id` 0 never is.
 * W3. Tasks and their results go as {@link WireTasks} and {@link WireResults}; each task ends in one result.
 * W4. Both directions keep their order. What concerns one runner is handled in that order.
 */
export const PROTOCOL_VERSION = 1

/** A command or an event on its way. */
export interface WireMessage {
  readonly v: typeof PROTOCOL_VERSION
  /** Correlates the reply; 0 when none is wanted. */
  readonly id: number
  readonly command: string
  readonly payload: unknown
}

/** The answer to the message of the same `id`. */
export interface WireReply {
  readonly v: typeof PROTOCOL_VERSION
  readonly id: number
  readonly ok: boolean
  readonly payload?: unknown
  readonly error?: SerializedError
}

/** The payloads of what a manager sends, by command. */
export interface ManagerCommands {
  /** The handshake. Everything later runs over this port. */
  messagePort: { readonly port: unknown; readonly settings: WorkerSettings }
  addRunner: { readonly runnerId: string; readonly options: RunnerOptions }
  /** One of the eight commands to runners. Answered with {@link RunnerReply} per runner, in the order asked. */
  command: {
    readonly command: RunnerCommand
    readonly runnerIds: readonly string[]
    readonly update?: RunnerUpdate
    /** After this the answer leaves, with `TIMEOUT` for those that are not done yet. */
    readonly timeoutMs: number
  }
  /** Answered with {@link RunnerReport} per live runner. */
  getRunners: Record<string, never>
  /** A sign of life is wanted. */
  ping: Record<string, never>
  taskCancel: { readonly taskId: number; readonly reason: SerializedError }
}

/** The payloads of what a worker sends, by command. */
export interface WorkerEvents {
  /** The answer to the handshake: what this worker can run. */
  ready: { readonly runners: readonly string[]; readonly tasks: readonly string[] }
  stateChange: StateChange
  /** In the order of `seq`: those that were full in one turn travel together. */
  telemetry: readonly TelemetryBatch[]
  log: {
    readonly runnerId: string
    readonly level: LogLevel
    readonly message: string
    readonly data?: unknown
  }
  /** A runner asks something of the manager's side (`ctx.call`); answered with a reply. */
  call: { readonly runnerId: string; readonly name: string; readonly payload: unknown }
  /** A promise of user code was rejected and nobody handled it. */
  fault: { readonly error: SerializedError }
  taskProgress: { readonly taskId: number; readonly fraction: number; readonly message?: string }
  taskLog: {
    readonly taskId: number
    readonly level: LogLevel
    readonly message: string
    readonly data?: unknown
  }
}

/** What a worker is told with the handshake. */
export interface WorkerSettings {
  readonly workerId: string
  /** @default 50 */
  readonly telemetryItems: number
  /** @default 1000 */
  readonly telemetryDelayMs: number
  readonly logLevel: LogLevel | 'silent'
  /** How long a hook of a runner may take. */
  readonly hookTimeoutMs: number
  /** How long the hook `terminate` may take. */
  readonly terminateTimeoutMs: number
}

/** What became of a command at one runner. */
export interface RunnerReply {
  readonly runnerId: string
  readonly ok: boolean
  /** The state after the command; absent when there is no such runner. */
  readonly state?: RunnerState
  readonly error?: SerializedError
}

/** Where a runner stands, as its worker sees it; the answer to `getRunners`. */
export interface RunnerReport {
  readonly runnerId: string
  readonly options: RunnerOptions
  readonly optionsRevision: number
  readonly state: RunnerState
  /** The `seq` of the last change: what is older than what the receiver knows, it drops. */
  readonly seq: number
  /** The last changes, so that a receiver that missed one does not have to jump. */
  readonly history: readonly StateChange[]
}

/** Several items of telemetry at once. */
export interface TelemetryBatch {
  /** Counts the batches of one worker, from 1. A receiver drops repeats and tells gaps. */
  readonly seq: number
  /** How many items were put together: one per iteration that ended. */
  readonly items: number
  /** The newest numbers of each runner that is in the batch; they are cumulative. */
  readonly snapshots: readonly TelemetrySnapshot[]
}

export function message<Command extends keyof (ManagerCommands & WorkerEvents)>(
  command: Command,
  payload: (ManagerCommands & WorkerEvents)[Command],
  id = 0,
): WireMessage {
  return { v: PROTOCOL_VERSION, id, command, payload }
}

/** Whether `data` is a message of this protocol and version. */
export function isWireMessage(data: unknown): data is WireMessage {
  if (typeof data !== 'object' || data === null) return false
  const { v, id, command } = data as Partial<WireMessage>
  return v === PROTOCOL_VERSION && Number.isSafeInteger(id) && typeof command === 'string'
}

/** Whether `data` is a reply of this protocol and version. */
export function isWireReply(data: unknown): data is WireReply {
  if (typeof data !== 'object' || data === null) return false
  const { v, id, ok } = data as Partial<WireReply>
  return v === PROTOCOL_VERSION && Number.isSafeInteger(id) && typeof ok === 'boolean'
}
