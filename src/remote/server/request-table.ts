import type { TimerHandle } from '../../core/clock.js'
import type { LogLevel } from '../../core/logger.js'
import { type SerializedError, SystemError, reviveError } from '../../core/system-error.js'
import { IdMap } from '../id-map.js'
import type { RemovedWorker, WorkerCriteria } from '../pool/worker-info.js'
import type { WorkerPool } from '../pool/worker-pool.js'
import type { Message } from '../protocol/messages.js'
import type { ProtocolFault } from '../protocol/protocol-fault.js'
import type { ServerCounters } from './counters.js'
import { ResultAssembly } from './result-assembly.js'
import type { ServerSettings } from './server-options.js'

/** How a request came back. */
export type RequestResult =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: SystemError | Error }

/** What workers say of requests. */
export type TaskMessage =
  | Message<'task_accept'>
  | Message<'task_progress'>
  | Message<'task_log'>
  | Message<'task_result_chunk'>
  | Message<'task_result'>

/** Who waits for a request. After `onEnd` or `onLost` nothing is told any more. */
export interface RequestListener {
  /** The worker works on it; told for what takes a while. */
  onAccept?(): void
  onProgress?(fraction: number, message: string | undefined): void
  onLog?(level: LogLevel, message: string, data: unknown): void
  /** The worker has answered; `undefined` when the slot was given back by `releaseRequest`. */
  onEnd(result: RequestResult | undefined): void
  /** The worker is gone, or never got it. */
  onLost(workerId: string, why: LossReason): void
}

/** `stopping`: the server itself ends; there is no other worker to be had. */
export type LossReason = 'disconnected' | 'replaced' | 'heartbeat' | 'revoked' | 'not received' | 'stopping'

/** A request on its way out. */
export interface RequestOrder {
  readonly requestId: string
  readonly criteria: WorkerCriteria
  /** The message that brings it to the worker; made when one was found. */
  readonly text: () => string
  /** A field that the message lacks, `"name":value`, as many messages have it alike: a frame of several says it once. */
  readonly common?: string
  readonly listener: RequestListener
  /** Only this worker is asked. */
  readonly among?: string | undefined
}

interface OpenRequest {
  readonly workerId: string
  readonly listener: RequestListener
  assembly?: ResultAssembly
  /** Nobody waits for it; its slot is kept until the worker has let go of it, or has had the time to. */
  isCancelled: boolean
  graceTimer?: TimerHandle
}

/** What the table needs of the server. */
export interface RequestHost {
  readonly pool: WorkerPool
  readonly counters: ServerCounters
  readonly settings: Pick<ServerSettings, 'clock' | 'logger' | 'maxResultBytes' | 'cancelGraceMs'>
  sendText(workerId: string, text: string, common?: string): boolean
}

/**
 * The requests that somebody waits for: chosen, sent and counted in one step, and settled once.
 *
 * - T1 A request is open exactly while the pool counts it.
 * - T2 Its listener hears one `onEnd` or one `onLost`, and nothing after it.
 * - T3 Only the worker that has it in hand can speak of it.
 */
export class RequestTable {
  readonly #host: RequestHost
  readonly #open = new IdMap<OpenRequest>()
  readonly #onCapacity = new Set<(workerId: string | undefined) => void>()
  /** Makes ids differ from those of another server and from ids that were chosen by hand. */
  readonly #idPrefix = crypto.randomUUID().slice(-6)
  #ids = FIRST_ID

  constructor(host: RequestHost) {
    this.#host = host
  }

  /**
   * A new id, of twelve characters for the first two thousand million: V8 keeps longer ones in pieces, slow to compare,
   * and enters those of up to ten that it finds in JSON into a table of all strings.
   */
  createId(): string {
    return this.#idPrefix + (++this.#ids).toString(36)
  }

  /** Calls back whenever a worker may be able to take more, or nobody waits any more. @returns what ends that. */
  onCapacity(listener: (workerId: string | undefined) => void): () => void {
    this.#onCapacity.add(listener)
    return () => void this.#onCapacity.delete(listener)
  }

  announceCapacity(workerId?: string): void {
    for (const listener of this.#onCapacity) listener(workerId)
  }

  /**
   * Chooses a worker, sends and counts. When it cannot be sent the next best is tried.
   *
   * @returns the worker that has it now; `undefined` when nobody is free.
   */
  assign({ requestId, criteria, text, common, listener, among }: RequestOrder): string | undefined {
    const { pool, counters } = this.#host
    if (this.#open.has(requestId) || pool.workerOf(requestId) !== undefined) {
      throw new SystemError('DUPLICATE_KEY', `Cannot send request "${requestId}": its id is taken`, {
        context: { requestId },
      })
    }
    let wanted = criteria
    let message: string | undefined
    for (;;) {
      const workerId = pool.select(wanted, among)
      if (workerId === undefined) return undefined
      if (this.#host.sendText(workerId, (message ??= text()), common)) {
        pool.trackRequest(workerId, requestId, criteria.category)
        this.#open.set(requestId, { workerId, listener, isCancelled: false })
        counters.requestsSent++
        return workerId
      }
      wanted = { ...criteria, exclude: new Set([...(wanted.exclude ?? []), workerId]) }
    }
  }

  /** Nobody waits any more: the worker is told, and keeps the slot until it has let go, for `cancelGrace` at most. */
  cancel(requestId: string, reason: SerializedError): void {
    const request = this.#open.get(requestId)
    if (!request || request.isCancelled) return
    request.isCancelled = true
    const { counters, settings } = this.#host
    const { clock, cancelGraceMs } = settings
    counters.requestsCancelled++
    request.graceTimer = clock.setTimeout(() => this.#endUnanswered(requestId, request), cancelGraceMs)
    this.#host.sendText(request.workerId, JSON.stringify({ type: 'task_cancel', requestId, reason }))
  }

  /** Gives the slot back, as `releaseRequest` does. */
  release(requestId: string, options?: { readonly incrementCompleted?: boolean }): void {
    // Taken from a message of a worker it may be anything.
    if (typeof requestId === 'string') this.#end(requestId, this.#open.get(requestId), undefined, options)
  }

  /** What a worker says of a request. @returns what is wrong with it, if anything. */
  receive(workerId: string, message: TaskMessage): ProtocolFault | undefined {
    const request = this.#open.get(message.requestId)
    if (!request) {
      // Expected after a cut: the request was settled, or is in other hands under another id.
      this.#host.counters.strayMessages++
      return undefined
    }
    if (request.workerId !== workerId) {
      const text = `Request "${message.requestId}" is not in hand of worker "${workerId}"`
      return { code: 'WRONG_WORKER', message: text, path: 'requestId' }
    }
    if (message.type === 'task_result') return this.#result(request, message)
    return request.isCancelled ? undefined : this.#tell(request, message)
  }

  /** A result that cannot be read is one all the same: no other will come. @param requestId As it stands in the message. */
  receiveUnreadable(workerId: string, requestId: unknown, fault: ProtocolFault): void {
    if (typeof requestId !== 'string') return
    const request = this.#open.get(requestId)
    if (request?.workerId === workerId) this.#failUnreadable(requestId, request, fault)
  }

  /**
   * A worker is back, and says what it has in hand. What it has not is lost, and given back when `giveBack` is called;
   * what it has and nobody waits for, it will drop when it hears what is `awaited`.
   */
  resume(workerId: string, inFlight: readonly string[]): { awaited: string[]; giveBack: () => void } {
    const has = new Set(inFlight)
    const awaited: string[] = []
    const missing: [requestId: string, OpenRequest][] = []
    for (const [requestId, request] of this.#open.entries()) {
      if (request.workerId !== workerId) continue
      // What it still has to send begins from its first chunk.
      delete request.assembly
      if (has.has(requestId) && !request.isCancelled) awaited.push(requestId)
      else missing.push([requestId, request])
    }
    const giveBack = () => {
      for (const [requestId, request] of missing) {
        this.#forget(requestId, request)
        this.#host.pool.releaseRequest(requestId)
        if (request.isCancelled) continue
        this.#host.counters.requestsLost++
        request.listener.onLost(workerId, 'not received')
      }
    }
    return { awaited, giveBack }
  }

  /** A worker is gone, and the pool has forgotten it. */
  lose({ worker, pendingRequestIds }: RemovedWorker, why: LossReason): void {
    for (const requestId of pendingRequestIds) {
      const request = this.#open.get(requestId)
      if (!request) continue
      this.#forget(requestId, request)
      this.#host.counters.requestsLost++
      if (!request.isCancelled) request.listener.onLost(worker.id, why)
    }
  }

  #tell(
    request: OpenRequest,
    message: Exclude<TaskMessage, { type: 'task_result' }>,
  ): ProtocolFault | undefined {
    const { listener } = request
    switch (message.type) {
      case 'task_accept':
        listener.onAccept?.()
        return undefined
      case 'task_progress':
        listener.onProgress?.(message.fraction, message.message)
        return undefined
      case 'task_log':
        listener.onLog?.(message.level, message.message, message.data)
        return undefined
      case 'task_result_chunk': {
        request.assembly ??= new ResultAssembly(this.#host.settings.maxResultBytes)
        const taken = request.assembly.add(message.index, message.data)
        if (taken.ok || taken.fault.code !== 'TOO_LARGE') return taken.ok ? undefined : taken.fault
        // An honest worker cannot know the bound, and has sent the rest already: that is about no request then.
        this.#host.counters.requestsFailed++
        const { maxResultBytes } = this.#host.settings
        const error = new SystemError('CAPACITY', `Cannot read the result: ${taken.fault.message}`, {
          context: { maxResultBytes },
        })
        this.#end(message.requestId, request, { ok: false, error })
        return undefined
      }
    }
  }

  #result(request: OpenRequest, message: Message<'task_result'>): ProtocolFault | undefined {
    const { requestId } = message
    const { counters } = this.#host
    if (!message.ok) {
      counters.requestsFailed++
      this.#end(requestId, request, { ok: false, error: reviveError(message.error ?? NO_ERROR) })
      return undefined
    }
    // What nobody waits for is not put together.
    const whole =
      message.chunks === undefined || request.isCancelled
        ? ({ ok: true, message: message.value } as const)
        : (request.assembly ?? new ResultAssembly(0)).finish(message.chunks)
    if (whole.ok) {
      counters.requestsCompleted++
      this.#end(requestId, request, { ok: true, value: whole.message }, COMPLETED)
      return undefined
    }
    this.#failUnreadable(requestId, request, whole.fault)
    return whole.fault
  }

  #failUnreadable(requestId: string, request: OpenRequest, { message, path }: ProtocolFault): void {
    const { workerId } = request
    this.#host.counters.requestsFailed++
    const text = `Cannot read the result: ${message}; correct what worker "${workerId}" sends`
    const context = { workerId, ...(path === undefined ? {} : { path }) }
    this.#end(requestId, request, { ok: false, error: new SystemError('VALIDATION', text, { context }) })
  }

  /** It may be at work on it for ever; what it says of it later is about no request. */
  #endUnanswered(requestId: string, request: OpenRequest): void {
    const { logger, cancelGraceMs } = this.#host.settings
    const { workerId } = request
    logger.warn(
      `Worker "${workerId}" has not answered the cancel of request "${requestId}" within ${cancelGraceMs} ms: its slot is given to others`,
      { workerId, requestId },
    )
    this.#end(requestId, request, undefined)
  }

  #forget(requestId: string, { graceTimer }: OpenRequest): void {
    this.#open.delete(requestId)
    if (graceTimer !== undefined) this.#host.settings.clock.clearTimeout(graceTimer)
  }

  #end(
    requestId: string,
    request: OpenRequest | undefined,
    result: RequestResult | undefined,
    options?: { readonly incrementCompleted?: boolean },
  ): void {
    if (request) this.#forget(requestId, request)
    const workerId = this.#host.pool.releaseRequest(requestId, options)
    if (request && !request.isCancelled) request.listener.onEnd(result)
    if (workerId !== undefined) this.announceCapacity(workerId)
  }
}

/** What has six digits to the base of 36. */
const FIRST_ID = 36 ** 5
const COMPLETED = { incrementCompleted: true }
const NO_ERROR: SerializedError = { name: 'Error', message: 'The worker gave no reason' }
