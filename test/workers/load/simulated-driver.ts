import { type SimulatedClock, simulatedClock } from 'busline/testing'
import { createLoadModel } from '../../../src/workers/load/create-load-model.js'
import type { IterationRequest, LoadDriver, LoadModel } from '../../../src/workers/load/load-model.js'
import { LatencyHistogram } from '../../../src/workers/telemetry/latency-histogram.js'
import type { ExecutionProfile } from '../../../src/workers/runner/execution-profile.js'
import type { ShapeFunction } from '../../../src/workers/runner/runner.js'

export interface Started {
  /** Milliseconds since the start of the load. */
  readonly atMs: number
  readonly plannedMs: number
  readonly vu: number
  readonly stage: string | undefined
}

/** A runner in simulated time, reduced to what a load model sees of it; its iterations take as long as `serviceMs` says. */
export class SimulatedDriver implements LoadDriver {
  readonly clock: SimulatedClock = simulatedClock()
  readonly model: LoadModel
  readonly started: Started[] = []
  readonly serviceTime = new LatencyHistogram()
  readonly responseTime = new LatencyHistogram()
  iterationCount = 0
  activeIterations = 0
  mostActive = 0
  dropped = 0
  finishedAtMs: number | undefined
  readonly failures: string[] = []
  readonly shape: ShapeFunction | undefined
  readonly #serviceMs: (elapsedMs: number) => number
  readonly #beganAt: number
  #pausedMs = 0
  #pausedAt: number | undefined
  #resetAt = 0

  constructor(
    profile: ExecutionProfile,
    serviceMs: (elapsedMs: number) => number = () => 0,
    shape?: ShapeFunction,
  ) {
    this.#serviceMs = serviceMs
    this.#beganAt = this.clock.now()
    this.shape = shape
    this.model = createLoadModel(profile, this)
  }

  get elapsedMs(): number {
    return (this.#pausedAt ?? this.clock.now()) - this.#beganAt - this.#pausedMs - this.#resetAt
  }

  async run({ plannedAt, vu = 0, stage }: IterationRequest = {}): Promise<void> {
    const startedAt = this.clock.now()
    const plannedMs = (plannedAt ?? startedAt) - this.#beganAt
    this.started.push({ atMs: startedAt - this.#beganAt, plannedMs, vu, stage })
    this.mostActive = Math.max(this.mostActive, ++this.activeIterations)
    const serviceMs = this.#serviceMs(startedAt - this.#beganAt)
    if (serviceMs > 0) await new Promise<void>((resolve) => this.clock.setTimeout(resolve, serviceMs))
    this.activeIterations--
    this.iterationCount++
    this.serviceTime.record(this.clock.now() - startedAt)
    this.responseTime.record(this.clock.now() - (plannedAt ?? startedAt))
  }

  drop(count = 1): void {
    this.dropped += count
  }

  fail(what: string, error: unknown): void {
    this.failures.push(`${what}: ${String(error)}`)
  }

  finish(): void {
    this.finishedAtMs ??= this.elapsedMs
    this.model.stop()
  }

  pause(): void {
    this.model.pause()
    this.#pausedAt = this.clock.now()
  }

  resume(): void {
    this.#pausedMs += this.clock.now() - this.#pausedAt!
    this.#pausedAt = undefined
    this.model.resume()
  }

  reset(): void {
    this.iterationCount = 0
    this.#resetAt += this.elapsedMs
    this.model.reset()
  }

  /** The starts, in milliseconds since the begin. */
  get starts(): readonly number[] {
    return this.started.map(({ atMs }) => atMs)
  }
}

/** Runs a load to its end, or for as long as said. */
export async function simulate(
  profile: ExecutionProfile,
  serviceMs?: (elapsedMs: number) => number,
  { forMs = 3_600_000, shape }: { readonly forMs?: number; readonly shape?: ShapeFunction } = {},
): Promise<SimulatedDriver> {
  const driver = new SimulatedDriver(profile, serviceMs, shape)
  driver.model.start()
  await driver.clock.advance(forMs)
  return driver
}
