import { type Clock, systemClock } from '../../core/clock.js'
import { type Duration, toMs } from '../../core/duration.js'
import type { Logger } from '../../core/logger.js'
import { SystemError } from '../../core/system-error.js'
import { MAX_BATCH_LENGTH } from '../protocol/message-batch.js'
import type { WorkerCapabilities, WorkerModel } from '../protocol/messages.js'
import { safeLogger } from '../protocol/safe-logger.js'
import type { BackoffOptions } from './backoff.js'
import { checkWorkerSettings } from './check-worker-settings.js'
import type { RemoteTasks } from './task-board.js'
import type { WebSocketLike } from './worker-socket.js'

export interface RemoteWorkerOptions {
  /** Where the server listens, `ws://…` or `wss://…`. */
  readonly url: string
  /** What the worker can do, by name. @default nothing: plain messages only */
  readonly tasks?: RemoteTasks
  /** Must not be in use by another worker. @default a random UUID */
  readonly workerId?: string
  /** What people call it. @default the id */
  readonly workerName?: string
  /** What lets it in; a function is asked at each attempt to connect, so that tokens can change. @default none */
  readonly token?: string | (() => string | Promise<string>)
  /** How many requests it takes at once, from 1. @default 10 */
  readonly maxConcurrentRequests?: number
  /** How many of a category it takes at once. @default no limit */
  readonly concurrencyLimits?: Readonly<Record<string, number>>
  /** The models it serves. @default none */
  readonly models?: readonly WorkerModel[]
  /** Facts that steps can require by `requires: { metadata }`. @default none */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Where it stands: steps that name this zone prefer it. @default nowhere */
  readonly zone?: string
  /** How much it is preferred to others of the same number of slots, above 0. @default 1 */
  readonly weight?: number
  /** How long to wait between attempts to connect. */
  readonly reconnect?: BackoffOptions
  /** How long an attempt to connect and register may take. @default '10s' */
  readonly connectTimeout?: Duration
  /** How long a cancelled task may take to end before it counts as ended. @default '5s' */
  readonly cancelGrace?: Duration
  /** The largest message that is taken from the server, bytes, from 131072. @default 67108864 */
  readonly maxMessageBytes?: number
  /**
   * For `ws` in Node: `ca`, `headers` and the like. Over TLS and on this machine nothing is masked, because nobody stands
   * between; `{ generateMask: undefined }` has `ws` mask all the same.
   */
  readonly socketOptions?: Readonly<Record<string, unknown>>
  /** A WebSocket class. @default in Node `ws` if it is installed, else the host's */
  readonly WebSocket?: new (url: string) => WebSocketLike
  /** @default console */
  readonly logger?: Logger
  /** @default the host's */
  readonly clock?: Clock
  /** From 0 to below 1: the chance in the wait between attempts. @default Math.random */
  readonly random?: () => number
}

/** The options, complete. */
export interface WorkerSettings {
  readonly url: string
  readonly workerId: string
  readonly workerName: string
  readonly tasks: RemoteTasks
  readonly capabilities: WorkerCapabilities
  readonly readToken: () => Promise<string | undefined>
  readonly reconnect: BackoffOptions
  readonly connectTimeoutMs: number
  readonly cancelGraceMs: number
  readonly maxMessageBytes: number
  readonly socketOptions: Readonly<Record<string, unknown>> | undefined
  readonly WebSocket: (new (url: string) => WebSocketLike) | undefined
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
}

const LEAST_MESSAGE_BYTES = 4 * MAX_BATCH_LENGTH

/** @throws {SystemError} `VALIDATION` */
export function readWorkerOptions(options: RemoteWorkerOptions): WorkerSettings {
  const { url, tasks = {}, workerId = crypto.randomUUID(), maxConcurrentRequests = 10, token } = options
  if (!Number.isInteger(maxConcurrentRequests) || maxConcurrentRequests < 1) {
    const message = `"maxConcurrentRequests" must be a whole number from 1: it is ${maxConcurrentRequests}`
    throw new SystemError('VALIDATION', message)
  }
  const { maxMessageBytes = 64 * 1024 * 1024 } = options
  // A frame of several messages must fit, as long as each of them is allowed to be.
  if (!(maxMessageBytes >= LEAST_MESSAGE_BYTES)) {
    const message = `"maxMessageBytes" must be a number from ${LEAST_MESSAGE_BYTES}: it is ${maxMessageBytes}`
    throw new SystemError('VALIDATION', message)
  }
  const { zone, weight, metadata, concurrencyLimits } = options
  const settings: WorkerSettings = {
    url,
    workerId,
    workerName: options.workerName ?? workerId,
    tasks,
    capabilities: {
      models: (options.models ?? []).map((model) => ({ ...model })),
      maxConcurrentRequests,
      tasks: Object.keys(tasks),
      ...(concurrencyLimits ? { concurrencyLimits: { ...concurrencyLimits } } : {}),
      ...(metadata ? { metadata: { ...metadata } } : {}),
      ...(zone === undefined ? {} : { zone }),
      ...(weight === undefined ? {} : { weight }),
    },
    readToken: async () => (typeof token === 'function' ? await token() : token),
    reconnect: options.reconnect ?? {},
    connectTimeoutMs: toMs(options.connectTimeout ?? '10s'),
    cancelGraceMs: toMs(options.cancelGrace ?? '5s'),
    maxMessageBytes,
    socketOptions: options.socketOptions,
    WebSocket: options.WebSocket,
    logger: safeLogger(options.logger ?? console),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  }
  checkWorkerSettings(settings)
  return settings
}
