import { SystemError } from '../../core/system-error.js'
import type { EngineLimits, FromWorker, TaskResult } from './engine-protocol.js'
import { type EngineWorker, OUT_OF_MEMORY } from './worker-host.js'
import type { PoolOptions, PoolTask } from './worker-pool.js'

/** How long a worker may be silent beyond what its task may take, in milliseconds. */
const GRACE_MS = 100

/** Programs that a worker keeps compiled: each takes some hundred kilobytes. */
const MAX_PROGRAMS = 64

interface Current {
  readonly id: number
  readonly task: PoolTask
  readonly resolve: (result: TaskResult) => void
  readonly reject: (error: unknown) => void
  /** Stops listening to the signal, and the clocks. */
  readonly release: () => void
}

type Timer = ReturnType<typeof setTimeout>

/**
 * A worker and the task it has in hand. Real time counts here, not that of a simulated clock: it is real computing that
 * is bounded.
 */
export class PooledWorker {
  readonly #worker: EngineWorker
  readonly #limits: EngineLimits
  readonly #idleMs: number
  readonly #endsCutOff: boolean
  readonly #on: { readonly onIdle: () => void; readonly onGone: () => void }
  readonly #known = new Set<number>()
  #forget: number[] = []
  #tasks = 0
  #current: Current | undefined
  #isReady = false
  #isGone = false
  #idleTimer: Timer | undefined
  #lastHeard = 0

  constructor(
    { spawn, limits, idleMs, endsCutOff = false }: Omit<PoolOptions, 'maxWorkers'>,
    on: { readonly onIdle: () => void; readonly onGone: () => void },
  ) {
    this.#limits = limits
    this.#endsCutOff = endsCutOff
    this.#idleMs = idleMs
    this.#on = on
    this.#worker = spawn(limits, {
      onMessage: (message) => this.#receive(message),
      onExit: (reason) => this.#exited(reason),
    })
  }

  run(task: PoolTask): Promise<TaskResult> {
    clearTimeout(this.#idleTimer)
    this.#worker.hold(true)
    return new Promise((resolve, reject) => {
      const id = ++this.#tasks
      const { signal } = task
      const onAbort = () => this.#abort(id)
      signal?.addEventListener('abort', onAbort, { once: true })
      const clocks = this.#watch(id, task.timeoutMs)
      const release = () => {
        signal?.removeEventListener('abort', onAbort)
        clocks.stop()
      }
      this.#current = { id, task, resolve, reject, release }
      const isKnown = this.#use(task.programId)
      const work = task.toWork(isKnown ? undefined : task.program)
      const forget = this.#forget
      this.#forget = []
      const { timeoutMs } = task
      this.#worker.post({ type: 'task', task: id, work, timeoutMs, ...(forget.length > 0 ? { forget } : {}) })
      // What it takes to start is not the job's time.
      if (this.#isReady) clocks.start()
      else this.#whenReady = () => clocks.start()
    })
  }

  close(reason: SystemError): void {
    const current = this.#current
    this.#leave()
    current?.reject(reason)
  }

  #whenReady: (() => void) | undefined

  /** Says whether the worker knows a program, and which it need not know any longer. */
  #use(programId: number): boolean {
    const isKnown = this.#known.delete(programId)
    this.#known.add(programId)
    if (this.#known.size > MAX_PROGRAMS) {
      const [oldest] = this.#known
      this.#known.delete(oldest!)
      this.#forget.push(oldest!)
    }
    return isKnown
  }

  #receive(message: FromWorker): void {
    this.#lastHeard = performance.now()
    if (message.type === 'ready') {
      this.#isReady = true
      this.#whenReady?.()
      return
    }
    if (message.type === 'unusable') return this.#fail(unusable(message.message))
    const current = this.#current
    if (!current || message.type === 'pong' || message.task !== current.id) return
    const { task, resolve } = current
    if (message.events.length > 0) task.onEvents?.(message.events)
    if (message.type === 'call') {
      void task.onCall?.(message).then((answer) => {
        if (this.#current !== current) return
        this.#worker.post({ type: 'settle', task: current.id, call: message.call, ...answer })
      })
    } else if (message.type === 'ended') {
      // Text that imports is only looked at when it is loaded: what it imports is told with its first run.
      if (message.result.type === 'loaded' && message.result.imports.length > 0)
        this.#known.delete(task.programId)
      const { result } = message
      const isCutOff =
        result.type === 'stopped' || (result.type === 'fault' && result.fault.kind === 'timeout')
      if (isCutOff && this.#endsCutOff) this.#leave()
      else this.#free()
      resolve(result)
    }
  }

  #free(): void {
    this.#current?.release()
    this.#current = undefined
    this.#worker.hold(false)
    const timer: Timer = setTimeout(() => this.#leave(), this.#idleMs)
    ;(timer as { unref?: () => void }).unref?.()
    this.#idleTimer = timer
    this.#on.onIdle()
  }

  /** Tells the worker that its task is not wanted; one that does not hear it is ended. */
  #abort(id: number): void {
    const current = this.#current
    if (current?.id !== id) return
    current.resolve({ type: 'stopped' })
    this.#worker.post({ type: 'stop', task: id })
    setTimeout(() => {
      if (this.#current?.id === id) this.#leave()
    }, GRACE_MS)
  }

  /**
   * Ends the worker when its task has not ended in time, or when it has computed for so long that it does not hear.
   */
  #watch(id: number, timeoutMs: number) {
    const { maxComputeMs } = this.#limits
    let deadline: Timer | undefined
    let pulse: Timer | undefined
    const isCurrent = () => this.#current?.id === id
    const late = (message: string) => {
      if (!isCurrent()) return
      const { resolve } = this.#current!
      this.#leave()
      resolve({ type: 'fault', fault: { kind: 'timeout', message } })
    }
    const feel = () => {
      const askedAt = performance.now()
      if (isCurrent()) this.#worker.post({ type: 'ping' })
      pulse = setTimeout(() => {
        if (this.#lastHeard < askedAt) late(`Job computed for longer than ${maxComputeMs}ms`)
        else feel()
      }, maxComputeMs + GRACE_MS)
    }
    return {
      start: () => {
        if (!isCurrent()) return
        if (timeoutMs <= maxComputeMs) {
          deadline = setTimeout(() => late(tookLonger(timeoutMs)), timeoutMs + GRACE_MS)
          return
        }
        if (timeoutMs + GRACE_MS < 2 ** 31) {
          deadline = setTimeout(() => late(tookLonger(timeoutMs)), timeoutMs + GRACE_MS)
        }
        pulse = setTimeout(feel, maxComputeMs + GRACE_MS)
      },
      stop: () => {
        clearTimeout(deadline)
        clearTimeout(pulse)
      },
    }
  }

  #exited(reason: string): void {
    if (this.#isGone) return
    const current = this.#current
    const isReady = this.#isReady
    this.#leave()
    if (!current) return
    if (!isReady) current.reject(unusable(reason))
    else if (reason === OUT_OF_MEMORY) {
      current.resolve({ type: 'fault', fault: { kind: 'memory', message: OUT_OF_MEMORY } })
    } else {
      const message = `The worker of the job ended: ${reason}`
      current.resolve({ type: 'fault', fault: { kind: 'thrown', message, thrown: { type: 'Error' } } })
    }
  }

  #fail(error: SystemError): void {
    const current = this.#current
    this.#leave()
    current?.reject(error)
  }

  #leave(): void {
    if (this.#isGone) return
    this.#isGone = true
    clearTimeout(this.#idleTimer)
    this.#current?.release()
    this.#current = undefined
    this.#worker.terminate()
    this.#on.onGone()
  }
}

function tookLonger(timeoutMs: number): string {
  return `Job took longer than ${timeoutMs}ms to complete`
}

/** The packages that are missing, if that is why: what one engine needs, another does not. */
const MISSING = /cannot find (?:package|module) '([^']+)'/i

function unusable(reason: string): SystemError {
  return new SystemError('UNAVAILABLE', `Cannot run job text: ${remedy(reason)}`, { context: { reason } })
}

function remedy(reason: string): string {
  const [, name] = MISSING.exec(reason) ?? []
  if (name === undefined) return `a worker could not be started (${reason})`
  if (/-worker\.[jt]s$/.test(name)) return 'its worker is not there: keep busline out of the bundle'
  const packages = /quickjs/.test(name) ? 'quickjs-emscripten-core @jitl/quickjs-wasmfile-release-sync' : name
  return `install what it needs with npm install ${packages}`
}
