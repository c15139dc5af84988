/** What a runner counts itself, through `ctx.telemetry`. None goes down but by a reset. */
export interface RunnerCounters {
  requestCount: number
  /** Counted up by the loop, too, for an iteration that returned `false`. */
  errorCount: number
  retryCount: number
  /** How many requests are under way: the only one that may go down. */
  activeRequestCount: number
  /** Bytes sent. */
  tx: number
  /** Bytes received. */
  rx: number
}

/** A runner's numbers at one instant: cumulative since its start or last reset. Plain data. */
export interface TelemetrySnapshot extends Readonly<RunnerCounters> {
  readonly runnerId: string
  readonly workerId: string
  /** Epoch milliseconds. */
  readonly at: number
  /** Iterations that ended, whatever they returned. */
  readonly iterationCount: number
  readonly activeIterations: number
  /** Iterations that an open load model could not start: `maxConcurrent` were under way. */
  readonly droppedIterations: number
  /** Iterations that were cut off when the grace period was over; they are not in `iterationCount`. */
  readonly interruptedIterations: number
  /** Iterations per second over the last second. */
  readonly velocity: number
  /** Iterations per second since the start, without paused time. */
  readonly overallVelocity: number
  /** Service time of the last iteration, milliseconds. */
  readonly latency: number
  /** Milliseconds since the start, without paused time. */
  readonly duration: number
  /** What the runner said since the snapshot before, the newest 200. */
  readonly message: readonly string[]
  /** The stage of the load profile, where it has a name. */
  readonly stage?: string
  /** How many resets there were: a receiver empties its histograms when this has grown. */
  readonly resets: number
  /**
   * Two numbers per iteration that ended since the snapshot before: service time (from its start), and response time
   * (from when it should have started), in milliseconds.
   */
  readonly samples: readonly number[]
}
