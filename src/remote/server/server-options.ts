import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { type Clock, systemClock } from '../../core/clock.js'
import { type Duration, isDuration, toMs } from '../../core/duration.js'
import type { Logger } from '../../core/logger.js'
import { invalidOptions } from '../../core/invalid-options.js'
import { safeLogger } from '../protocol/safe-logger.js'
import { findOptionIssues } from './find-option-issues.js'
import type { WorkerToken } from './token-book.js'

export interface WorkerServerOptions {
  /** 0 for any that is free; `server.port` tells which. @default 0 */
  readonly port?: number
  /** The address to listen on; any but this machine's own needs a token. @default '127.0.0.1' */
  readonly host?: string
  /**
   * An HTTP or HTTPS server of your own: with TLS, or one that serves other things as well. It is closed with this one
   * unless it listened before. @default a plain HTTP server
   */
  readonly server?: HttpServer | HttpsServer
  /** What every worker must give in its registration. @default everybody on this machine is let in */
  readonly authToken?: string
  /** More tokens, each for all workers or for some; see also `setTokens`. @default none */
  readonly tokens?: readonly WorkerToken[]
  /** Listens beyond this machine without any token. @default false */
  readonly allowUnauthenticated?: boolean
  /**
   * The origins whose pages may connect, such as `https://app.example`; `'*'` for all. What sends no origin, such as a
   * process, is not concerned. @default pages of this very server on this machine
   */
  readonly allowedOrigins?: readonly string[] | '*'
  /** The path at which workers connect. @default '/' */
  readonly path?: string
  /** Silence after which a worker is unhealthy, milliseconds; after three times that it is gone. @default 60000 */
  readonly heartbeatTimeoutMs?: number
  /** How often it is looked at who is silent, milliseconds. @default 10000 */
  readonly healthCheckIntervalMs?: number
  /** How often workers are asked to speak, milliseconds. Must be below `heartbeatTimeoutMs`. @default 15000 */
  readonly heartbeatIntervalMs?: number
  /** How long a socket may be open without registering, milliseconds. @default 10000 */
  readonly registrationTimeoutMs?: number
  /**
   * How long a worker of protocol 2 whose connection was cut may take to come back to its requests; 0 gives them up at once.
   * A longer window spares work after a cut, and delays it after a crash. @default '5s'
   */
  readonly resumeWindow?: Duration
  /**
   * How long a worker of protocol 2 may take to let go of a request that was cancelled; then its slot is free, whether it
   * still works on it or not. Should exceed the `cancelGrace` of the workers, 5 s unless they say otherwise; `Infinity`
   * waits until the worker is lost. @default '10s'
   */
  readonly cancelGrace?: Duration
  /**
   * What happens to a registration under an id that is connected, without proof that it is the same worker: it takes the
   * place of the former, or is refused. @default 'replace'
   */
  readonly duplicateIds?: 'replace' | 'refuse'
  /** The largest message that is taken, bytes; at most 2147483647, whatever is said. @default 1048576 */
  readonly maxMessageBytes?: number
  /** The largest result that is put together from chunks, characters of JSON. @default 67108864 */
  readonly maxResultBytes?: number
  /** How much may wait to be read by one worker before it is sent nothing more, bytes. @default 4194304 */
  readonly maxBufferedBytes?: number
  /** How many messages one socket may send; beyond it is not read for a while. @default 50000 */
  readonly maxMessagesPerSecond?: number
  /** How many registrations one address may try. @default 6000 */
  readonly maxRegistrationsPerMinute?: number
  /** How many sockets may be open that have not registered. @default 1000 */
  readonly maxUnregistered?: number
  /** How many workers may be there. @default 10000 */
  readonly maxWorkers?: number
  /** @default console */
  readonly logger?: Logger
  /** @default the host's */
  readonly clock?: Clock
  /** Makes session ids, which are secrets. @default random UUIDs */
  readonly ids?: () => string
}

/** The options, complete. */
export interface ServerSettings extends Required<
  Omit<WorkerServerOptions, 'server' | 'authToken' | 'tokens' | 'resumeWindow' | 'cancelGrace'>
> {
  readonly server: WorkerServerOptions['server']
  readonly tokens: readonly WorkerToken[]
  readonly resumeWindowMs: number
  readonly cancelGraceMs: number
}

/** What `ws` can count to; beyond it, it would count from the start. */
const MOST_BYTES = 2 ** 31 - 1

/** @throws {SystemError} `VALIDATION` with every option that is wrong. */
export function readServerOptions(options: WorkerServerOptions): ServerSettings {
  const { authToken, tokens = [], resumeWindow = '5s', cancelGrace = '10s', server, ...rest } = options
  const isGiven = typeof authToken === 'string' && authToken !== ''
  const settings: ServerSettings = {
    port: 0,
    host: '127.0.0.1',
    allowUnauthenticated: false,
    allowedOrigins: [],
    path: '/',
    heartbeatTimeoutMs: 60_000,
    healthCheckIntervalMs: 10_000,
    heartbeatIntervalMs: 15_000,
    registrationTimeoutMs: 10_000,
    duplicateIds: 'replace',
    maxMessageBytes: 1024 * 1024,
    maxResultBytes: 64 * 1024 * 1024,
    maxBufferedBytes: 4 * 1024 * 1024,
    maxMessagesPerSecond: 50_000,
    maxRegistrationsPerMinute: 6_000,
    maxUnregistered: 1_000,
    maxWorkers: 10_000,
    logger: console,
    clock: systemClock,
    ids: () => crypto.randomUUID(),
    ...withoutUndefined(rest),
    server,
    tokens: isGiven && isList(tokens) ? [{ token: authToken }, ...tokens] : tokens,
    resumeWindowMs: isDuration(resumeWindow) ? toMs(resumeWindow) : NaN,
    cancelGraceMs: isDuration(cancelGrace) ? toMs(cancelGrace) : NaN,
  }
  const issues = [...findOptionIssues(settings)]
  if (authToken !== undefined && !isGiven) {
    issues.unshift({ path: 'authToken', message: 'must be a string that is not empty' })
  }
  if (issues.length > 0) throw invalidOptions('make a worker server', issues)
  return {
    ...settings,
    logger: safeLogger(settings.logger),
    maxMessageBytes: Math.min(Math.floor(settings.maxMessageBytes), MOST_BYTES),
  }
}

function withoutUndefined<Options extends object>(
  options: Options,
): { [Name in keyof Options]: NonNullable<Options[Name]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}

/** As `Array.isArray`, which forgets what is in it. */
function isList(tokens: readonly WorkerToken[]): boolean {
  return Array.isArray(tokens)
}
