import type { OperationEvent } from '../job-engine.js'
import type { EngineEvent, EngineLimits, FromWorker, TaskResult } from './engine-protocol.js'
import { readFault } from './foreign-fault.js'
import { bytesOf, isTooDeep } from './json-text.js'
import { JOB_MODULE } from './realm-script.js'

/** Of more than that nothing is told: what a job prints must not fill the memory of its host. */
const MAX_EVENTS = 10_000
const MAX_EVENT_LENGTH = 1_000_000

/** A job that wants more has lost count. */
const MAX_WAITING = 10_000

const PHASES = ['start', 'complete', 'error'] as const

/**
 * The task a worker has in hand: what its realm says is checked here, and passed on.
 *
 * Invariants:
 * - T1 everything that comes from a realm is a stranger's: bounded in number, length and depth;
 * - T2 after `end` nothing more is told of the task.
 */
export class TaskDesk {
  readonly task: number
  readonly #post: (message: FromWorker) => void
  readonly #limits: EngineLimits
  readonly #maxStateBytes: number
  readonly #fire: (timer: number) => void
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>()
  readonly #startedAt = new Map<number, number>()
  readonly #calls = new Set<number>()
  #events: EngineEvent[] = []
  #eventCount = 0
  #eventLength = 0
  #result: TaskResult | undefined
  #isClosed = false

  constructor(
    task: number,
    post: (message: FromWorker) => void,
    limits: EngineLimits,
    maxStateBytes: number,
    fire: (timer: number) => void,
  ) {
    this.task = task
    this.#post = post
    this.#limits = limits
    this.#maxStateBytes = maxStateBytes
    this.#fire = fire
  }

  /** What the task came to, once the realm has said so. */
  get result(): TaskResult | undefined {
    return this.#result
  }

  /** Whether anything is going to happen that the job may be waiting for. */
  get isWaiting(): boolean {
    return this.#timers.size + this.#calls.size > 0
  }

  /** What the realm sends: see `realm-script.ts`. */
  receive(kind: string, values: readonly (string | number | undefined)[]): void {
    if (this.#result || this.#isClosed) return
    const [first, second, third, fourth] = values
    switch (kind) {
      case 'done':
        this.#result = this.#stateResult(optionalText(first))
        break
      case 'held':
        this.#result = this.#heldResult(first === 1, optionalText(second))
        break
      case 'failed':
        this.#result = this.#failedResult(text(first), optionalText(second))
        break
      case 'helper':
        this.#result = this.#boundedOr(
          { type: 'helper', name: text(first), values: text(second) },
          text(second),
        )
        break
      case 'log':
        this.#tell({ type: 'log', level: text(first), values: text(second) }, text(second).length)
        break
      case 'operation':
        this.#tellOperation(text(first), number(second), optionalText(third))
        break
      case 'call':
        this.#call(number(first), text(second), text(third), text(fourth))
        break
      case 'timer':
        this.#setTimer(number(first), number(second))
        break
      case 'untimer':
        this.#clearTimer(number(first))
    }
  }

  /** Says that a call was answered; `false` if nobody waits for it. */
  settled(call: number): boolean {
    return this.#calls.delete(call)
  }

  /** Passes on what has gathered. */
  flush(): void {
    if (this.#events.length > 0) this.#post({ type: 'told', task: this.task, events: this.#takeEvents() })
  }

  end(result: TaskResult): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    this.#post({ type: 'ended', task: this.task, result, events: this.#takeEvents() })
  }

  #stateResult(state: string | undefined): TaskResult {
    if (state === undefined) return { type: 'state' }
    if (bytesOf(state, this.#maxStateBytes) === Infinity) {
      return faultResult('too-large', `The state is larger than ${this.#maxStateBytes} bytes`)
    }
    return this.#boundedOr({ type: 'state', text: state }, state)
  }

  #heldResult(holds: boolean, state: string | undefined): TaskResult {
    if (state === undefined) return { type: 'held', holds }
    return this.#boundedOr({ type: 'held', holds, text: state }, state)
  }

  #failedResult(description: string, state: string | undefined): TaskResult {
    const isUsable = state !== undefined && this.#boundOf(state) === undefined
    return { type: 'fault', fault: readFault(description), ...(isUsable ? { text: state } : {}) }
  }

  #boundedOr(result: TaskResult, data: string): TaskResult {
    return this.#boundOf(data) ?? result
  }

  #boundOf(data: string): TaskResult | undefined {
    const { maxResultLength } = this.#limits
    if (data.length > maxResultLength) {
      return faultResult(
        'too-large',
        `The state is longer than ${maxResultLength} characters, which is what the engine lets out`,
      )
    }
    return isTooDeep(data) ? faultResult('result', 'state is nested too deeply') : undefined
  }

  #tell(event: EngineEvent, length: number): void {
    if (this.#eventCount > MAX_EVENTS) return
    this.#eventCount++
    this.#eventLength += length
    if (this.#eventCount > MAX_EVENTS || this.#eventLength > MAX_EVENT_LENGTH) {
      this.#eventCount = MAX_EVENTS + 1
      this.#events.push({ type: 'log', level: 'warn', values: '["Further output of the job is left out"]' })
    } else if (event.type !== 'log' || !isTooDeep(event.values)) this.#events.push(event)
  }

  #tellOperation(phase: string, index: number, name: string | undefined): void {
    const known = PHASES.find((each) => each === phase)
    if (!known) return
    const more = name === undefined ? {} : { name }
    const now = performance.now()
    const durationMs = now - (this.#startedAt.get(index) ?? now)
    if (known === 'start') this.#startedAt.set(index, now)
    const event: OperationEvent =
      known === 'start' ? { phase: known, index, ...more } : { phase: known, index, durationMs, ...more }
    this.#tell({ type: 'operation', event }, 100)
  }

  #call(call: number, module: string, name: string, values: string): void {
    this.#result ??= this.#boundOf(values)
    if (this.#result || this.#isOverfull()) return
    this.#calls.add(call)
    this.#post({ type: 'call', task: this.task, call, module, name, values, events: this.#takeEvents() })
  }

  #setTimer(id: number, ms: number): void {
    if (this.#isOverfull()) return
    const fire = () => {
      this.#timers.delete(id)
      this.#fire(id)
    }
    // Beyond 24 days a timer would fire at once.
    this.#timers.set(id, setTimeout(fire, Math.min(ms, 2 ** 31 - 1)))
  }

  #clearTimer(id: number): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
  }

  #isOverfull(): boolean {
    if (this.#timers.size + this.#calls.size < MAX_WAITING) return false
    this.#result = faultResult('memory', `The job waits for more than ${MAX_WAITING} things at once`)
    return true
  }

  #takeEvents(): EngineEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }
}

export function faultResult(
  kind: 'too-large' | 'result' | 'memory' | 'timeout' | 'thrown',
  message: string,
): TaskResult {
  return { type: 'fault', fault: { kind, message } }
}

/** How a job ends that waits for what never comes. */
export const NEVER_SETTLES = `The job waits for a promise that nothing settles (${JOB_MODULE})`

function text(value: string | number | undefined): string {
  return typeof value === 'string' ? value : ''
}

function optionalText(value: string | number | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function number(value: string | number | undefined): number {
  return typeof value === 'number' ? value : 0
}
