import type { Clock } from '../../core/clock.js'
import { isThenable } from '../../core/is-thenable.js'
import type { SystemError } from '../../core/system-error.js'
import type { IterationRequest, LoadDriver } from '../load/load-model.js'
import type {
  IterationContext,
  RunnerContext,
  RunnerInstance,
  RunnerTelemetry,
  ShapeFunction,
} from '../runner/runner.js'
import type { Breather } from './breather.js'
import type { RunnerMeter } from './runner-meter.js'
import type { TelemetryBuffer } from './telemetry-buffer.js'

export interface IterationEngineOptions {
  readonly clock: Clock
  readonly breather: Breather
  readonly meter: RunnerMeter
  readonly buffer: TelemetryBuffer
  readonly instance: RunnerInstance
  readonly context: RunnerContext
  readonly shape: ShapeFunction | undefined
  /** Code of the user threw. */
  readonly onFault: (what: string, error: unknown) => void
  /** The load model has nothing left to start. */
  readonly onFinish: () => void
}

/**
 * Runs the iterations of one runner and counts them.
 *
 * I1. An iteration counts exactly once: as ended, as interrupted, or as the fault that ends its runner.
 * I2. What an interrupted iteration does later has no effect, and nobody waits for it.
 */
export class IterationEngine implements LoadDriver {
  readonly #options: IterationEngineOptions
  readonly #active = new Set<Iteration>()
  #waiting: (() => void)[] = []

  constructor(options: IterationEngineOptions) {
    this.#options = options
  }

  get clock(): Clock {
    return this.#options.clock
  }

  get shape(): ShapeFunction | undefined {
    return this.#options.shape
  }

  get iterationCount(): number {
    return this.#options.meter.iterationCount
  }

  get activeIterations(): number {
    return this.#active.size
  }

  get elapsedMs(): number {
    return this.#options.meter.elapsedMs(this.clock.now())
  }

  run({ plannedAt, stage, vu = 0 }: IterationRequest = {}): Promise<void> {
    const { meter, instance, context } = this.#options
    const startedAt = this.clock.now()
    if (stage !== undefined) meter.stage = stage
    return new Promise((resolve) => {
      const iteration = new Iteration(context, meter.startedCount++, vu, resolve)
      this.#active.add(iteration)
      meter.activeIterations = this.#active.size
      const end = (value: unknown) => this.#end(iteration, value, startedAt, plannedAt ?? startedAt)
      const fail = (error: unknown) => this.#fail(iteration, error)
      try {
        const returned = instance.execute(iteration)
        if (isThenable(returned)) returned.then(end, fail)
        else end(returned)
      } catch (error) {
        fail(error)
      }
    })
  }

  drop(count = 1): void {
    this.#options.meter.droppedIterations += count
    this.#options.buffer.touch(this.#options.meter)
  }

  fail(what: string, error: unknown): void {
    this.#options.onFault(what, error)
  }

  finish(): void {
    this.#options.onFinish()
  }

  /** Resolves when no iteration is under way. */
  whenIdle(): Promise<void> {
    if (this.#active.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Fires the signal of every iteration under way, and lets go of them. */
  interrupt(reason: SystemError): void {
    const { meter, buffer } = this.#options
    const cut = [...this.#active]
    this.#active.clear()
    meter.activeIterations = 0
    meter.interruptedIterations += cut.length
    if (cut.length > 0) buffer.touch(meter)
    for (const iteration of cut) {
      iteration.abort(reason)
      iteration.resolve()
    }
    this.#tellIdle()
  }

  #end(iteration: Iteration, value: unknown, startedAt: number, plannedAt: number): void {
    if (!this.#active.delete(iteration)) return
    const { meter, buffer, breather } = this.#options
    const now = this.clock.now()
    meter.activeIterations = this.#active.size
    if (value === false) meter.telemetry.errorCount++
    meter.count(Math.max(0, now - startedAt), Math.max(0, now - plannedAt), now)
    buffer.post(meter)
    const breath = breather.breathe()
    if (breath) void breath.then(iteration.resolve)
    else iteration.resolve()
    this.#tellIdle()
  }

  #fail(iteration: Iteration, error: unknown): void {
    if (!this.#active.delete(iteration)) return
    const { meter, onFault } = this.#options
    meter.activeIterations = this.#active.size
    meter.telemetry.errorCount++
    onFault('An iteration', error)
    iteration.resolve()
    this.#tellIdle()
  }

  #tellIdle(): void {
    if (this.#active.size > 0 || this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** What one iteration sees. Its signal is made when it is first asked for: most iterations are too short to want one. */
class Iteration implements IterationContext {
  readonly iteration: number
  readonly vu: number
  readonly resolve: () => void
  readonly #runner: RunnerContext
  #controller: AbortController | undefined
  #reason: SystemError | undefined
  #unread: RunnerTelemetry | undefined

  constructor(runner: RunnerContext, iteration: number, vu: number, resolve: () => void) {
    this.#runner = runner
    this.iteration = iteration
    this.vu = vu
    this.resolve = resolve
  }

  get runnerId() {
    return this.#runner.runnerId
  }

  get workerId() {
    return this.#runner.workerId
  }

  get options() {
    return this.#runner.options
  }

  get executionProfile() {
    return this.#runner.executionProfile
  }

  /** After an interruption its own, which nobody reads: what it counts then belongs to nothing. */
  get telemetry() {
    if (!this.#reason) return this.#runner.telemetry
    return (this.#unread ??= { ...this.#runner.telemetry, say: () => {} })
  }

  get logger() {
    return this.#runner.logger
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#reason) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  readonly call: RunnerContext['call'] = (name, payload, transfer) =>
    this.#runner.call(name, payload, transfer)

  abort(reason: SystemError): void {
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
