import type { TimerHandle } from '../../core/clock.js'
import { SystemError, describe } from '../../core/system-error.js'
import { MessageBroker } from '../messages/message-broker.js'
import {
  type ManagerCommands,
  type WireMessage,
  type WireReply,
  type WorkerEvents,
  isWireMessage,
  isWireReply,
} from '../messages/protocol.js'
import { type WireResults, type WireTasks, isWireResults } from '../messages/task-messages.js'
import { workerError } from '../runner/runner-errors.js'
import type { TaskHost } from '../executor/task-hosts.js'
import type { WorkerHost, WorkerHostFactory } from '../hosts/worker-host.js'
import type { ManagerSettings } from './worker-manager-options.js'
import type { AddWorkerOptions } from './worker-options.js'

/** `starting` until its script has answered the handshake; `draining` takes nothing new; `lost` is the end. */
export type WorkerStatus = 'starting' | 'ready' | 'draining' | 'lost'

/** Whom a host's instance tells. */
export interface WorkerInstanceListener {
  onEvent(instance: WorkerInstance, event: WireMessage): void
  /** Not fatal by itself. */
  onError(instance: WorkerInstance, error: SystemError): void
  /** Once. `error` is absent when it was ended in order. */
  onLost(instance: WorkerInstance, error: SystemError | undefined): void
}

/** More errors than this in a second are not told one by one; before its script is ready they end the host. */
const MAX_ERRORS_PER_SECOND = 20

/**
 * One host under management: its line, its signs of life, its end.
 *
 * H1. It is lost exactly once, whatever ends it, and then nothing waits for it any more.
 */
export class WorkerInstance implements TaskHost {
  readonly id: string
  readonly options: AddWorkerOptions
  readonly startedAt: number
  readonly broker: MessageBroker
  readonly ready: Promise<void>
  status: WorkerStatus = 'starting'
  /** Whether its script has answered the handshake. */
  wasReady = false
  /** Whether the last query went unanswered. */
  isStale = false
  activeTasks = 0
  runnerTypes: readonly string[] = []
  tasks: readonly string[] = []
  /** Errors that were not told one by one. */
  suppressedErrors = 0

  readonly #settings: ManagerSettings
  readonly #listener: WorkerInstanceListener
  readonly #taskListeners = new Set<(message: WireMessage | WireResults) => void>()
  readonly #lostListeners = new Set<(error: SystemError) => void>()
  #host: WorkerHost | undefined
  #end: { readonly error: SystemError | undefined } | undefined
  #settleReady!: { resolve: () => void; reject: (error: SystemError) => void }
  #startTimer: TimerHandle
  #heartTimer: TimerHandle
  #hasSpoken = false
  #isLeaving = false
  #misses = 0
  #lastTaskId = 0
  #errorWindow = { since: 0, count: 0 }

  constructor(
    id: string,
    options: AddWorkerOptions,
    factory: WorkerHostFactory,
    settings: ManagerSettings,
    listener: WorkerInstanceListener,
  ) {
    this.id = id
    this.options = options
    this.#settings = settings
    this.#listener = listener
    this.startedAt = settings.clock.now()
    this.broker = new MessageBroker({
      clock: settings.clock,
      workerId: id,
      maxPending: settings.maxPendingMessages,
      post: (sent, transfer) => this.post(sent, transfer),
    })
    this.ready = new Promise((resolve, reject) => (this.#settleReady = { resolve, reject }))
    this.ready.catch(() => {})
    this.#startTimer = settings.clock.setTimeout(() => {
      void this.kill(
        startFailed(id, `it has not answered the handshake within ${settings.startTimeoutMs} ms`),
      )
    }, settings.startTimeoutMs)
    this.#open(factory)
  }

  post(message: WireMessage | WireReply | WireTasks, transfer?: readonly Transferable[]): void {
    if (!this.#end) this.#host?.post(message, transfer)
  }

  request<Command extends keyof ManagerCommands>(
    command: Command,
    payload: ManagerCommands[Command],
    timeoutMs = this.#settings.messageTimeoutMs,
  ): Promise<unknown> {
    return this.broker.request(command, payload, timeoutMs)
  }

  nextTaskId(): number {
    return ++this.#lastTaskId
  }

  onTaskMessage(listener: (message: WireMessage | WireResults) => void): () => void {
    this.#taskListeners.add(listener)
    return () => this.#taskListeners.delete(listener)
  }

  onLost(listener: (error: SystemError) => void): () => void {
    if (this.#end) {
      listener(this.#end.error ?? ended(this.id))
      return () => {}
    }
    this.#lostListeners.add(listener)
    return () => this.#lostListeners.delete(listener)
  }

  utilization(): number | undefined {
    return this.#host?.utilization?.()
  }

  /** It takes nothing new, not even when it only becomes ready later. */
  leave(): void {
    this.#isLeaving = true
    if (this.status === 'ready') this.status = 'draining'
  }

  /** Ends the host by force; it is lost at once, whatever the host does. */
  async kill(error: SystemError | undefined): Promise<void> {
    this.#lose(error)
    try {
      await this.#host?.terminate()
    } catch (fault) {
      this.#settings.logger.error(`Worker "${this.id}" could not be terminated`, { error: describe(fault) })
    }
  }

  #open(factory: WorkerHostFactory): void {
    const { id, options } = this
    const { telemetryItems, telemetryDelayMs, logLevel, hookTimeoutMs, messageTimeoutMs } = this.#settings
    try {
      this.#host = factory.open({
        name: options.hostName ?? id,
        settings: {
          workerId: id,
          telemetryItems,
          telemetryDelayMs,
          logLevel: options.logLevel ?? logLevel,
          hookTimeoutMs,
          terminateTimeoutMs: Math.min(hookTimeoutMs, messageTimeoutMs / 2),
        },
        resourceLimits: options.resourceLimits ?? this.#settings.resourceLimits,
        onMessage: (message) => this.#receive(message),
        onMessageError: (error) => this.#report(error),
        onError: (error) => this.#onError(error),
        onExit: ({ exitCode, error }) => this.#lose(error ?? exited(id, exitCode)),
      })
    } catch (cause) {
      this.#lose(startFailed(id, describe(cause), cause))
    }
  }

  #receive(message: unknown): void {
    if (this.#end) return
    this.#hasSpoken = true
    if (isWireResults(message)) this.#tellTasks(message)
    else if (isWireReply(message)) this.broker.settle(message)
    else if (isWireMessage(message)) this.#onEvent(message)
    else
      this.#report(
        new SystemError('VALIDATION', `Worker "${this.id}" sent what is no message of this version`),
      )
  }

  #onEvent(event: WireMessage): void {
    const { command } = event
    if (command === 'taskProgress' || command === 'taskLog') this.#tellTasks(event)
    else if (command === 'ready') {
      this.#onReady(event.payload as WorkerEvents['ready'])
    } else {
      this.#listener.onEvent(this, event)
    }
  }

  #tellTasks(message: WireMessage | WireResults): void {
    for (const listener of this.#taskListeners) listener(message)
  }

  #onReady({ runners, tasks }: WorkerEvents['ready']): void {
    if (this.status !== 'starting') return
    this.runnerTypes = runners
    this.tasks = tasks
    this.status = this.#isLeaving ? 'draining' : 'ready'
    this.wasReady = true
    this.#settings.clock.clearTimeout(this.#startTimer)
    this.#settleReady.resolve()
    this.#beat()
  }

  /** Asks a host that has been silent for a sign of life, and gives it up when it gives none. */
  #beat(): void {
    const { heartbeat, clock } = this.#settings
    if (!heartbeat || this.#end) return
    const { intervalMs, misses } = heartbeat
    this.#heartTimer = clock.setTimeout(() => {
      this.#misses = this.#hasSpoken ? 0 : this.#misses + 1
      this.#hasSpoken = false
      if (this.#misses >= misses) void this.kill(silent(this.id, intervalMs * misses))
      else {
        // Whether it is answered shows in `#hasSpoken`.
        this.request('ping', {}, intervalMs * misses).catch(() => {})
        this.#beat()
      }
    }, intervalMs)
  }

  #onError(error: SystemError): void {
    if (this.#end) return
    if (this.status === 'starting') {
      // A thread exits by itself after it, a Web Worker would wait for ever.
      void this.kill(startFailed(this.id, error.message, error))
    }
    this.#report(error)
  }

  #report(error: SystemError): void {
    const now = this.#settings.clock.now()
    if (now - this.#errorWindow.since >= 1000) this.#errorWindow = { since: now, count: 0 }
    if (++this.#errorWindow.count > MAX_ERRORS_PER_SECOND) this.suppressedErrors++
    else this.#listener.onError(this, error)
  }

  #lose(error: SystemError | undefined): void {
    if (this.#end) return
    const { clock } = this.#settings
    const wasStarting = this.status === 'starting'
    this.#end = { error }
    this.status = 'lost'
    clock.clearTimeout(this.#startTimer)
    clock.clearTimeout(this.#heartTimer)
    const reason = error ?? ended(this.id)
    this.broker.close(reason)
    if (wasStarting) this.#settleReady.reject(asStartFailure(this.id, reason))
    this.#listener.onLost(this, error)
    for (const listener of this.#lostListeners) listener(reason)
  }
}

function startFailed(workerId: string, why: string, cause?: unknown): SystemError {
  return workerError(
    'UNAVAILABLE',
    'WORKER_START_FAILED',
    `Worker "${workerId}" could not be started: ${why}`,
    { workerId },
    cause,
  )
}

function asStartFailure(workerId: string, error: SystemError): SystemError {
  return error.context['reason'] === 'WORKER_START_FAILED'
    ? error
    : startFailed(workerId, error.message, error)
}

function exited(workerId: string, exitCode: number | undefined): SystemError {
  const how = exitCode === undefined ? 'has ended' : `has ended with exit code ${exitCode}`
  return workerError('UNAVAILABLE', 'WORKER_LOST', `Worker "${workerId}" ${how}`, {
    workerId,
    ...(exitCode !== undefined && { exitCode }),
  })
}

function silent(workerId: string, ms: number): SystemError {
  return workerError(
    'UNAVAILABLE',
    'WORKER_LOST',
    `Worker "${workerId}" has given no sign of life for ${ms} ms`,
    { workerId },
  )
}

function ended(workerId: string): SystemError {
  return workerError('UNAVAILABLE', 'WORKER_LOST', `Worker "${workerId}" was ended`, { workerId })
}
