import { EventEmitter } from 'node:events'
import type { TaskContext } from 'busline'
import { WorkerServer, remoteExecutor } from 'busline/remote'
import { RemoteWorker } from 'busline/remote/client'
import { simulatedClock } from 'busline/testing'
import { quietLogger } from '../quiet-logger.js'
import { stepTask, taskControl } from '../step-task.js'
import { type FarSocket, type NearSocket, type Weather, Wire } from './simulated-wire.js'

export type Work = 'quick' | 'wait' | 'fail' | 'hang' | 'ignore' | 'big' | 'talk'

export interface Setting {
  readonly weather: Weather
  readonly resumeWindow: number
  readonly maxDispatches: number
  readonly room: number
  /** How often a worker gives a sign of life, milliseconds. */
  readonly beat: number
}

/** A server, its executor and workers on wires of simulated time, and what went wrong among them. */
export class FleetMachine {
  readonly clock = simulatedClock()
  readonly faults: string[] = []
  readonly workers: RemoteWorker[] = []
  readonly server: WorkerServer
  readonly #executor: ReturnType<typeof remoteExecutor>
  readonly #http = Object.assign(new EventEmitter(), {
    listening: true,
    address: () => ({ address: '127.0.0.1', port: 1 }),
  })
  readonly #setting: Setting
  readonly #wires = new Set<Wire>()
  readonly #pending = new Set<string>()
  readonly #attempts = new Set<string>()
  readonly #aborts: AbortController[] = []
  #calls = 0
  #taken = 0

  constructor(setting: Setting) {
    this.#setting = setting
    const { clock } = this
    const { resumeWindow, maxDispatches, beat } = setting
    this.server = new WorkerServer({
      clock,
      logger: quietLogger(),
      server: this.#http as never,
      resumeWindow,
      cancelGrace: 50,
      heartbeatIntervalMs: beat,
      heartbeatTimeoutMs: 4 * beat,
      healthCheckIntervalMs: 2 * beat,
    })
    this.#executor = remoteExecutor(this.server, {
      clock,
      maxDispatches,
      queueTimeout: 500,
      unknownTaskTimeout: 200,
    })
  }

  start(): void {
    this.call('start of the server', this.server.start())
  }

  stop(drain: boolean): void {
    this.call('stop of the server', this.server.stop({ drain, timeout: 300 }))
  }

  /** Something that must settle. */
  call(what: string, promise: Promise<unknown>): void {
    const name = `${what} (${this.#calls++})`
    this.#pending.add(name)
    const done = () => this.#pending.delete(name)
    promise.then(done, done)
  }

  join(id: number): void {
    const { clock } = this
    const connect = () => this.#connect()
    const running = { count: 0 }
    const worker = new RemoteWorker({
      url: 'ws://server/',
      workerId: `w${id}`,
      clock,
      logger: quietLogger(),
      random: () => 0.5,
      maxConcurrentRequests: this.#setting.room,
      cancelGrace: 20,
      connectTimeout: 40,
      reconnect: { minDelayMs: 5, maxDelayMs: 200 },
      WebSocket: class {
        constructor() {
          return connect()
        }
      } as unknown as new (url: string) => NearSocket,
      tasks: Object.fromEntries(TASKS.map((name) => [name, this.#task(name, running)])),
    })
    this.workers.push(worker)
    this.call('start of a worker', worker.start())
  }

  leave(pick: number, drain: boolean): void {
    const worker = this.workers[pick % Math.max(1, this.workers.length)]
    if (worker) this.call('stop of a worker', worker.stop({ drain, timeout: 200 }))
  }

  cut(pick: number): void {
    const open = [...this.#wires].filter(({ isOver }) => !isOver)
    open[pick % Math.max(1, open.length)]?.cut()
  }

  drain(pick: number): void {
    this.server.drainWorker(`w${pick}`)
  }

  /** Half a message, or one of something else. */
  garble(pick: number): void {
    const open = [...this.#wires].filter(({ isOver }) => !isOver)
    const wire = open[pick % Math.max(1, open.length)]
    if (pick % 2 === 0) wire?.toFar({ text: '{"type":"task_resu' })
    else wire?.toNear({ text: '{"type":"task_req' })
  }

  execute(work: Work, timeoutMs: number): void {
    const controller = new AbortController()
    this.#aborts.push(controller)
    const task = stepTask(work, this.#calls, { timeoutMs })
    let isSettled = false
    const late = (what: string) => () => {
      if (isSettled) this.faults.push(`${what} of ${work} came after its end`)
    }
    const control = taskControl({ signal: controller.signal, progress: late('Progress') })
    const done = this.#executor.execute(task, control)
    this.call(`execute ${work}`, done)
    done.then(
      (value) => {
        isSettled = true
        const { echo } = value as { echo: unknown }
        if (echo !== task.input) this.faults.push(`${work} was answered what was meant for another`)
      },
      () => (isSettled = true),
    )
  }

  abort(pick: number): void {
    this.#aborts[pick % Math.max(1, this.#aborts.length)]?.abort(new Error('no longer wanted'))
  }

  /** After this much time nothing may be under way. */
  async rest(): Promise<void> {
    await this.clock.advance('4s')
    const left = this.server.status()
    if (this.server.state === 'running' && left.activeRequests > 0)
      this.faults.push(`${left.activeRequests} slots are taken for ever`)
    if (this.#executor.queued + this.#executor.status().running > 0)
      this.faults.push('The executor counts requests that ended')
    for (const worker of this.workers) {
      if (worker.activeRequests > 0)
        this.faults.push(`${worker.workerId} has ${worker.activeRequests} requests in hand for ever`)
    }
    for (const worker of this.workers) this.call('last stop of a worker', worker.stop())
    await this.clock.advance('1s')
    this.call('close of the executor', this.#executor.close())
    this.stop(false)
    await this.clock.advance('1m')
    for (const each of this.#pending) this.faults.push(`${each} never settled`)
    const { connections, workersByStatus } = { ...this.server.status(), ...this.server.health() }
    if (connections > 0) this.faults.push(`${connections} connections are left`)
    if (Object.values(workersByStatus).some((count) => count > 0)) this.faults.push('Workers are left')
    if (this.clock.pendingTimers > 0) this.faults.push(`${this.clock.pendingTimers} timers are left`)
    for (const worker of this.workers)
      if (worker.state !== 'stopped') this.faults.push(`${worker.workerId} has not stopped`)
  }

  #connect(): NearSocket {
    const take = <Value>(values: readonly Value[]) => values[this.#taken++ % values.length]!
    const wire = new Wire(this.clock, this.#setting.weather, take, (far) => this.#accept(far))
    this.#wires.add(wire)
    for (const each of this.#wires) if (each.isOver) this.#wires.delete(each)
    return wire.near
  }

  /** @returns whether somebody listens, and lets it in. */
  #accept(far: FarSocket): boolean {
    let isIn = false
    const stream = Object.assign(new EventEmitter(), {
      cork: () => {},
      uncork: () => {},
      end: () => {},
      destroy: () => {},
      take: () => {
        isIn = true
        return far
      },
    })
    const request = { url: '/', headers: { host: 'server' }, socket: { remoteAddress: '127.0.0.1' } }
    this.#http.emit('upgrade', request, stream, Buffer.alloc(0))
    if (!isIn) far.ended(1006)
    return isIn
  }

  #task(work: Work, running: { count: number }) {
    return async (input: unknown, { signal, attempt, idempotencyKey, progress }: TaskContext) => {
      const name = `${idempotencyKey} ${attempt}`
      if (this.#attempts.has(name)) this.faults.push(`Attempt ${attempt} of ${work} was run twice`)
      this.#attempts.add(name)
      if (++running.count > this.#setting.room)
        this.faults.push(`More than ${this.#setting.room} tasks run at once`)
      // Room is given to others once a task that ignores its end is given up.
      if (signal.aborted) this.faults.push(`${work} was begun when it was over`)
      signal.addEventListener('abort', () => void (work === 'ignore' && running.count--))
      try {
        for (let each = 1; work === 'talk' && each <= 3; each++) {
          progress(each / 3)
          await this.#later(2)
        }
        if (work === 'wait') await this.#later(10)
        if (work === 'hang')
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        if (work === 'ignore') await new Promise<void>(() => {})
        if (work === 'fail') throw new Error('It fails')
        return { echo: input, ...(work === 'big' ? { filling: 'y'.repeat(300_000) } : {}) }
      } finally {
        running.count--
      }
    }
  }

  #later(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimeout(resolve, ms))
  }
}

const TASKS: readonly Work[] = ['quick', 'wait', 'fail', 'hang', 'ignore', 'big', 'talk']
