import type { Clock, TimerHandle } from '../../core/clock.js'
import type { TaskFunction } from '../../core/step-executor.js'
import { SystemError, reviveError } from '../../core/system-error.js'
import { unknownTask } from '../../core/task-error.js'
import { IdMap } from '../id-map.js'
import type { Message, WireStep } from '../protocol/messages.js'
import type { Outbox } from './outbox.js'
import { newsFrame } from './news-frame.js'
import { RemoteTaskContext, type TaskNews } from './remote-task-context.js'
import { errorFrame, resultFrames } from './result-frames.js'

/** Code by the names under which steps ask for it. */
export type RemoteTasks = Readonly<Record<string, TaskFunction>>

export interface BoardOptions {
  readonly tasks: RemoteTasks
  readonly maxConcurrentRequests: number
  readonly concurrencyLimits: Readonly<Record<string, number>>
  /** How long a task that was cancelled may take to end before it counts as ended, milliseconds. */
  readonly cancelGraceMs: number
  readonly clock: Clock
  readonly outbox: Outbox
  /** A request has ended, one way or the other. */
  onEnded(): void
}

type Request = Message<'task_request'>

/** A request on the board. */
interface Job {
  readonly request: Request
  readonly step: WireStep
  readonly controller: AbortController
  isRunning: boolean
  /** Its result is on its way, or nobody is there to have it. */
  hasEnded: boolean
  /** How often the timer has come by. */
  turns: number
  timer: TimerHandle
  cancelTimer: TimerHandle
}

/** What takes longer than this is told to be under way, milliseconds. */
const ACCEPT_AFTER_MS = 100

/**
 * The requests in hand: at most so many run at once, also per category; the others wait in order.
 *
 * - B1 A request that comes twice is one request.
 * - B2 Each has one result, which is the last that is said of it.
 */
export class TaskBoard {
  readonly #options: BoardOptions
  readonly #jobs = new IdMap<Job>()
  readonly #waiting = new Set<Job>()
  readonly #active = new Map<string, number>()
  #running = 0
  /** Whether it is looked at what waits, and whether there is room that has not been looked at. */
  #isLooking = false
  #isRoomNew = false
  #acceptTimer: TimerHandle
  /** How long a chunk of a result may be; the server says how long a message may be. */
  maxChunk = 256 * 1024
  /** How long anything else may be. */
  maxNews = 256 * 1024

  constructor(options: BoardOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#jobs.size
  }

  get requestIds(): readonly string[] {
    return this.#jobs.ids()
  }

  add(request: Request, step: WireStep): void {
    const { requestId } = request
    if (this.#jobs.has(requestId) || this.#options.outbox.has(requestId)) return
    const job: Job = {
      request,
      step,
      controller: new AbortController(),
      isRunning: false,
      hasEnded: false,
      turns: 0,
      timer: undefined,
      cancelTimer: undefined,
    }
    this.#jobs.set(requestId, job)
    if (this.#hasRoom(step.category)) return this.#run(job)
    this.#waiting.add(job)
    this.#armAccept()
  }

  /** Nobody waits for the result: the task is told, and has `cancelGraceMs` to end. */
  cancel(requestId: string, reason: Message<'task_cancel'>['reason']): void {
    const job = this.#jobs.get(requestId)
    if (job)
      this.#abort(job, reason ? reviveError(reason) : new SystemError('ABORTED', 'The request was cancelled'))
  }

  /** Ends what nobody waits for any more. */
  keepOnly(awaited: ReadonlySet<string>, reason: SystemError): void {
    for (const [requestId, job] of this.#jobs.entries()) if (!awaited.has(requestId)) this.#abort(job, reason)
  }

  /** Tells every task to end, and lets go of all timers; nobody hears the results. */
  close(reason: SystemError): void {
    const { clock } = this.#options
    for (const job of this.#jobs.values()) {
      job.hasEnded = true
      clock.clearTimeout(job.timer)
      clock.clearTimeout(job.cancelTimer)
      job.controller.abort(reason)
    }
    this.#jobs.clear()
    this.#waiting.clear()
    clock.clearTimeout(this.#acceptTimer)
  }

  #hasRoom(category: string | undefined): boolean {
    const { maxConcurrentRequests, concurrencyLimits } = this.#options
    if (this.#running >= maxConcurrentRequests) return false
    if (category === undefined || !Object.hasOwn(concurrencyLimits, category)) return true
    return (this.#active.get(category) ?? 0) < concurrencyLimits[category]!
  }

  #run(job: Job): void {
    const { request, step, controller } = job
    const { requestId, task } = request
    const { category } = step
    const { tasks, clock } = this.#options
    job.isRunning = true
    this.#running++
    if (category !== undefined) this.#active.set(category, (this.#active.get(category) ?? 0) + 1)
    const timeoutMs = step.timeoutMs ?? Infinity
    if (timeoutMs !== Infinity) {
      const error = () => new SystemError('TIMEOUT', `Task "${task}" took longer than ${timeoutMs} ms`)
      job.timer = clock.setTimeout(() => this.#abort(job, error()), timeoutMs)
    }
    if (!Object.hasOwn(tasks, task)) return this.#fail(job, unknownTask(task, Object.keys(tasks)))
    this.#armAccept()
    const context = new RemoteTaskContext(request, step, controller, (news) => this.#tell(requestId, news))
    try {
      Promise.resolve(tasks[task]!(request.input as never, context)).then(
        (value) => this.#succeed(job, value),
        (error: unknown) => this.#fail(job, error),
      )
    } catch (error) {
      this.#fail(job, error)
    }
  }

  #succeed(job: Job, value: unknown): void {
    if (job.hasEnded) return
    let frames: readonly string[]
    try {
      frames = resultFrames(job.request.requestId, value, this.maxChunk)
    } catch (error) {
      return this.#fail(job, error)
    }
    this.#end(job, frames)
  }

  #fail(job: Job, error: unknown): void {
    if (job.hasEnded) return
    this.#end(job, [errorFrame(job.request.requestId, job.request.task, error, this.maxChunk)])
  }

  #end(job: Job, frames: readonly string[]): void {
    const { request, step, isRunning } = job
    const { clock, outbox } = this.#options
    job.hasEnded = true
    this.#jobs.delete(request.requestId)
    clock.clearTimeout(job.timer)
    clock.clearTimeout(job.cancelTimer)
    if (isRunning) this.#leave(step.category)
    else this.#waiting.delete(job)
    outbox.result(request.requestId, frames)
    if (this.#waiting.size > 0) this.#runWaiting()
    this.#options.onEnded()
  }

  #leave(category: string | undefined): void {
    this.#running--
    if (category !== undefined) this.#active.set(category, this.#active.get(category)! - 1)
  }

  /** What ends at once makes room again, in the middle of this: one more look then, not one inside the other without end. */
  #runWaiting(): void {
    this.#isRoomNew = true
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      while (this.#isRoomNew) {
        this.#isRoomNew = false
        for (const job of this.#waiting) {
          if (this.#running >= this.#options.maxConcurrentRequests) break
          if (!this.#hasRoom(job.step.category)) continue
          this.#waiting.delete(job)
          this.#run(job)
        }
      }
    } finally {
      this.#isLooking = false
    }
  }

  #abort(job: Job, reason: unknown): void {
    if (job.controller.signal.aborted) return
    job.controller.abort(reason)
    if (!job.isRunning) return this.#fail(job, reason)
    const { clock, cancelGraceMs } = this.#options
    job.cancelTimer = clock.setTimeout(() => this.#fail(job, reason), cancelGraceMs)
  }

  #tell(requestId: string, message: TaskNews): void {
    // What a task says after its end concerns nobody.
    if (!this.#jobs.has(requestId)) return
    const text = newsFrame(requestId, message, this.maxNews)
    if (text !== undefined) this.#options.outbox.tell(requestId, text)
  }

  /** One timer for all: a request that is still there at its second turn takes a while. */
  #armAccept(): void {
    this.#acceptTimer ??= this.#options.clock.setTimeout(() => {
      this.#acceptTimer = undefined
      for (const job of this.#jobs.values()) {
        if (job.turns++ === 1) this.#tell(job.request.requestId, { type: 'task_accept' })
        if (job.turns < 2) this.#armAccept()
      }
    }, ACCEPT_AFTER_MS)
  }
}
