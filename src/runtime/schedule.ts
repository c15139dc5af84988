import type { Clock, TimerHandle } from '../core/clock.js'
import { SystemError, describe } from '../core/system-error.js'
import type { CompiledTrigger } from './compiled-trigger.js'

/** When a schedule is due: the next instant after one, epoch milliseconds, or `undefined` when there is none. */
type NextAfter = (instant: number) => number | undefined

/**
 * Reads a cron pattern with croner, which is loaded when the first schedule is registered.
 *
 * @throws {SystemError} `VALIDATION` when pattern or time zone are malformed.
 */
export async function parseSchedule({ id, schedule }: CompiledTrigger): Promise<NextAfter> {
  const { cron, timeZone } = schedule!
  const { Cron } = await import('croner')
  try {
    const job = new Cron(cron, { paused: true, ...(timeZone === undefined ? {} : { timezone: timeZone }) })
    job.nextRun()
    return (instant) => job.nextRun(new Date(instant))?.getTime()
  } catch (cause) {
    throw new SystemError('VALIDATION', `Cannot read the schedule of trigger "${id}": ${describe(cause)}`, {
      cause,
      context: { triggerId: id, issues: [{ path: `triggers.${id}.schedule`, message: describe(cause) }] },
    })
  }
}

/**
 * Calls `onDue` at each instant of a schedule until it is closed. Instants that passed while the process or the machine
 * slept are made up for by one call, for the last of them.
 */
export class ScheduleTimer {
  readonly #next: NextAfter
  readonly #clock: Clock
  readonly #onDue: (scheduledAt: number) => void
  #timer: TimerHandle
  #isClosed = false

  constructor(next: NextAfter, clock: Clock, onDue: (scheduledAt: number) => void) {
    this.#next = next
    this.#clock = clock
    this.#onDue = onDue
    this.#arm(clock.now())
  }

  close(): void {
    this.#isClosed = true
    this.#clock.clearTimeout(this.#timer)
  }

  #arm(after: number): void {
    const dueAt = this.#next(after)
    if (dueAt === undefined) return
    this.#timer = this.#clock.setTimeout(() => this.#due(dueAt), dueAt - this.#clock.now())
  }

  #due(dueAt: number): void {
    let last = dueAt
    const now = this.#clock.now()
    for (let later = this.#next(last); later !== undefined && later <= now; later = this.#next(last))
      last = later
    this.#onDue(last)
    if (!this.#isClosed) this.#arm(Math.max(last, this.#clock.now()))
  }
}
