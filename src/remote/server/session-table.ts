import type { TimerHandle } from '../../core/clock.js'
import { deepFreeze } from '../../core/deep-freeze.js'
import type { WorkerPool } from '../pool/worker-pool.js'
import type { RemovedWorker, WorkerInfo } from '../pool/worker-info.js'
import { type Message, PROTOCOL, type WorkerCapabilities, parseMessage } from '../protocol/messages.js'
import type { WireMessage } from '../protocol/read-frame.js'
import type { CloseReason } from './close-code.js'
import type { Connection } from './connection.js'
import type { ServerCounters } from './counters.js'
import { AddressLimit } from './rate-limit.js'
import type { LossReason, RequestTable } from './request-table.js'
import { safeCompare } from './safe-compare.js'
import type { ServerSettings } from './server-options.js'
import type { Grant, TokenBook } from './token-book.js'

/** A worker that registered, with its connection or, for a while, without. */
interface Session {
  readonly workerId: string
  readonly sessionId: string
  readonly protocol: number
  /** Whether a frame may hold several messages. */
  batches: boolean
  connection: Connection | undefined
  /** Ends the wait for a worker whose connection was cut. */
  resumeTimer: TimerHandle
}

/** What the table needs of the server. */
export interface SessionHost {
  readonly settings: ServerSettings
  readonly pool: WorkerPool
  readonly requests: RequestTable
  readonly tokens: TokenBook
  readonly counters: ServerCounters
  /** Whether new workers are taken in now. */
  readonly isAccepting: boolean
  /** Whether those that were cut off may come back. */
  readonly isResumable: boolean
  /** Steady time. */
  now(): number
  connected(worker: WorkerInfo): void
  disconnected(removed: RemovedWorker): void
}

/**
 * Who is registered, on which connection.
 *
 * - S1 A worker has one connection at most. One that was taken over can say nothing more: its messages and its end
 *   concern nobody.
 * - S2 A worker is in the pool exactly while it has a session.
 * - S3 The end of a session is told once, with the requests that were in hand.
 */
export class SessionTable {
  readonly #host: SessionHost
  readonly #sessions = new Map<string, Session>()
  readonly #addresses: AddressLimit
  #connected = 0

  constructor(host: SessionHost) {
    this.#host = host
    this.#addresses = new AddressLimit(host.settings.maxRegistrationsPerMinute)
  }

  /** The open connection of a worker. */
  connectionOf(workerId: string): Connection | undefined {
    return this.#sessions.get(workerId)?.connection
  }

  protocolOf(workerId: string): number {
    return this.#sessions.get(workerId)?.protocol ?? 1
  }

  /** How many workers have an open connection. */
  get connectedCount(): number {
    return this.#connected
  }

  workerIds(): readonly string[] {
    return [...this.#sessions.keys()]
  }

  /** Handles a registration. The token is looked at before anything else of the message. */
  register(connection: Connection, frame: WireMessage): void {
    const { settings, tokens, counters } = this.#host
    const waitMs = this.#addresses.take(connection.address, settings.clock.now())
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000)
      return this.#turnAway(
        connection,
        `Too many registrations from this address: try again in ${seconds} s`,
        'tooMany',
      )
    }
    const grant = tokens.check(frame['authToken'])
    if (!grant) return this.#failAuthentication(connection)
    const parsed = parseMessage('worker_registration', frame)
    if (!parsed.ok) {
      counters.refusedRegistrations++
      connection.send(refusal(`Invalid registration: ${parsed.fault.message}`))
      return connection.refuse(parsed.fault)
    }
    const { message } = parsed
    if (!tokens.holds(grant, message.workerId)) return this.#failAuthentication(connection)
    if (connection.workerId !== undefined) return this.#registerAgain(connection, message, grant)
    this.#admit(connection, message, grant)
  }

  /** Nothing more will come of a connection. */
  ended(connection: Connection, mayReturn: boolean): void {
    const session = this.#sessionOn(connection)
    if (!session) return
    const { settings, pool } = this.#host
    const canResume = session.protocol >= PROTOCOL && settings.resumeWindowMs > 0
    if (!mayReturn || !canResume || !this.#host.isResumable) return this.end(session.workerId, 'disconnected')
    this.#detach(session, undefined)
    pool.setReachable(session.workerId, false)
    session.resumeTimer = settings.clock.setTimeout(
      () => this.end(session.workerId, 'disconnected'),
      settings.resumeWindowMs,
    )
  }

  /** Ends a session: the worker leaves the pool, its requests are given back, its connection is closed. */
  end(workerId: string, why: LossReason, close?: CloseReason): void {
    const session = this.#sessions.get(workerId)
    if (!session) return
    const { settings, pool, requests, counters } = this.#host
    settings.clock.clearTimeout(session.resumeTimer)
    this.#sessions.delete(workerId)
    const removed = pool.remove(workerId)!
    this.#detach(session, close)
    counters.disconnects++
    this.#host.disconnected(removed)
    requests.lose(removed, why)
  }

  /** Where that is understood. */
  askToDrain(workerId: string): void {
    const session = this.#sessions.get(workerId)
    if (session && session.protocol >= PROTOCOL) session.connection?.send(JSON.stringify({ type: 'drain' }))
  }

  /** Closes the connections of tokens that no longer hold. */
  checkGrants(): void {
    for (const { workerId, connection } of [...this.#sessions.values()]) {
      const { grant } = connection ?? {}
      if (grant && !this.#host.tokens.holds(grant, workerId)) this.end(workerId, 'revoked', 'revoked')
    }
  }

  /** Asks every connection whether somebody is there, and draws the consequences for those that did not answer. */
  pingAll(unansweredMs: number): void {
    const { pool, requests } = this.#host
    const now = this.#host.now()
    for (const { workerId, connection, protocol } of [...this.#sessions.values()]) {
      if (!connection) continue
      const { unansweredSince = now } = connection
      const isSilent = now - unansweredSince >= unansweredMs
      if (isSilent) {
        pool.setReachable(workerId, false)
        // One that can resume loses nothing by the cut; another would lose what it has in hand.
        if (protocol >= PROTOCOL) connection.terminate()
      } else if (!pool.isReachable(workerId)) {
        pool.setReachable(workerId, true)
        requests.announceCapacity(workerId)
      }
      connection.ping()
    }
  }

  #admit(connection: Connection, message: Message<'worker_registration'>, grant: Grant): void {
    const { settings } = this.#host
    const present = this.#sessions.get(message.workerId)
    if (present && this.#host.isResumable && proves(message, present)) {
      return this.#resume(connection, message, grant, present)
    }
    if (!this.#host.isAccepting) return this.#turnAway(connection, 'The server is stopping', 'stopping')
    if (present?.connection?.isOpen && settings.duplicateIds === 'refuse') {
      return this.#turnAway(connection, `Worker id "${message.workerId}" is in use`, 'idInUse')
    }
    if (!present && this.#sessions.size >= settings.maxWorkers) {
      return this.#turnAway(connection, `There are ${settings.maxWorkers} workers already`, 'tooMany')
    }
    if (present) this.end(message.workerId, 'replaced', 'replaced')
    this.#begin(connection, message, grant)
  }

  #begin(connection: Connection, message: Message<'worker_registration'>, grant: Grant): void {
    const { settings, pool, requests, counters } = this.#host
    const { workerId, workerName, protocol = 1 } = message
    const batches = protocol >= PROTOCOL && message.batches === true
    const capabilities = readCapabilities(message)
    const sessionId = settings.ids()
    connection.confirmRegistration(workerId, grant)
    pool.register({ id: workerId, name: workerName, capabilities, sessionId, protocol }, this.#host.now())
    const session: Session = { workerId, sessionId, protocol, batches, connection, resumeTimer: undefined }
    this.#sessions.set(workerId, session)
    this.#connected++
    counters.registrations++
    connection.send(this.#welcome(session))
    if (batches) connection.batch()
    this.#host.connected(pool.getWorker(workerId)!)
    requests.announceCapacity(workerId)
  }

  #resume(
    connection: Connection,
    { workerId, resume, batches = false }: Message<'worker_registration'>,
    grant: Grant,
    session: Session,
  ): void {
    const { settings, pool, requests, counters } = this.#host
    settings.clock.clearTimeout(session.resumeTimer)
    this.#detach(session, 'replaced')
    session.connection = connection
    session.batches = batches
    this.#connected++
    connection.confirmRegistration(workerId, grant)
    pool.setReachable(workerId, true)
    pool.heartbeat(workerId, this.#host.now())
    counters.resumedSessions++
    // The welcome leaves first: what is given out again may go to this very worker.
    const { awaited, giveBack } = requests.resume(workerId, resume!.inFlight)
    connection.send(this.#welcome(session, awaited))
    if (batches) connection.batch()
    if (pool.isDraining(workerId)) this.askToDrain(workerId)
    giveBack()
    requests.announceCapacity(workerId)
  }

  /** The same socket once more: an impatient client, or one with a new token. Nothing else changes, and it is told so. */
  #registerAgain(connection: Connection, { workerId }: Message<'worker_registration'>, grant: Grant): void {
    const session = this.#sessionOn(connection)
    if (session?.workerId === workerId) {
      connection.grant = grant
      return void connection.send(this.#welcome(session))
    }
    const message = `This socket is registered as "${connection.workerId}"`
    this.#host.counters.refusedRegistrations++
    connection.send(refusal(message))
    connection.refuse({ code: 'ALREADY_REGISTERED', message, path: 'workerId' })
  }

  #welcome({ sessionId, protocol, batches }: Session, awaited?: readonly string[]): string {
    const { heartbeatIntervalMs, maxMessageBytes } = this.#host.settings
    return JSON.stringify({
      type: 'worker_registration_ack',
      success: true,
      sessionId,
      heartbeatIntervalMs,
      ...(protocol >= PROTOCOL
        ? {
            protocol: PROTOCOL,
            batches,
            maxMessageBytes,
            resumed: awaited !== undefined,
            awaited: awaited ?? [],
          }
        : {}),
    })
  }

  #failAuthentication(connection: Connection): void {
    this.#host.counters.failedAuthentications++
    this.#turnAway(connection, 'Invalid authentication token', 'authentication')
  }

  #turnAway(connection: Connection, error: string, close: CloseReason): void {
    this.#host.counters.refusedRegistrations++
    connection.send(refusal(error))
    connection.close(close)
  }

  #detach(session: Session, close: CloseReason | undefined): void {
    const { connection } = session
    session.connection = undefined
    if (!connection) return
    this.#connected--
    connection.workerId = undefined
    if (close) connection.close(close)
  }

  #sessionOn(connection: Connection): Session | undefined {
    const session = connection.workerId === undefined ? undefined : this.#sessions.get(connection.workerId)
    return session?.connection === connection ? session : undefined
  }
}

/** As they are told to everybody. Without protocol 2 there are no tasks, whatever is announced. */
function readCapabilities({
  capabilities,
  protocol = 1,
}: Message<'worker_registration'>): WorkerCapabilities {
  if (protocol >= PROTOCOL) return deepFreeze(capabilities)
  const { tasks: _, ...others } = capabilities
  return deepFreeze(others)
}

function refusal(error: string): string {
  return JSON.stringify({ type: 'worker_registration_ack', success: false, error })
}

/** Whoever knows the id of a session is the worker that was given it. */
function proves({ protocol = 1, resume }: Message<'worker_registration'>, session: Session): boolean {
  return (
    protocol >= PROTOCOL && session.protocol >= PROTOCOL && safeCompare(resume?.sessionId, session.sessionId)
  )
}
