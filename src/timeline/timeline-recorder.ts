import { type Clock, type TimerHandle, systemClock } from '../core/clock.js'
import { type Duration, toMs } from '../core/duration.js'
import { SystemError, isSystemError } from '../core/system-error.js'
import { within } from '../core/within.js'
import { type PendingRun, PendingRuns } from './pending-runs.js'
import type { Redaction } from './redaction.js'
import type { LossReason, RecordingHost, RecordingOptions } from './recording-host.js'
import { RunRecording } from './run-recording.js'
import { type RunTimelineMeta, type TimelineBatch, type TimelineStore, isFinished } from './timeline-store.js'

/** Events that are missing from a timeline, or that a sink did not take. */
export interface LossReport {
  readonly runId: string
  /** How many events of the run are lost, all in all. */
  readonly lostEvents: number
  readonly reason: LossReason | 'sink'
  /** What the store or the sink threw, where that was the reason. */
  readonly error?: unknown
}

/** Sees every event once, redacted and safe, whatever becomes of it in the store. What it throws is reported. */
export interface TimelineSink {
  take(batch: TimelineBatch): void
}

export interface TimelineRecorderOptions {
  readonly store: TimelineStore
  /** What is removed before anything is kept: see `createRedaction({ redact, secrets })`. @default nothing */
  readonly redaction?: Redaction | undefined
  /** @default the host's */
  readonly clock?: Clock
  /**
   * The largest number of events between two snapshots of the state, at least 1. It bounds the work of a seek; each
   * snapshot costs a store with real records the size of the state. @default 100
   */
  readonly snapshotInterval?: number
  /** How long an event may wait for others, to be stored together with them. @default '50ms' */
  readonly flushInterval?: Duration
  /** How many events, over all runs, may wait for a slow or failing store; more are lost. At least 1. @default 10_000 */
  readonly maxBufferedEvents?: number
  /** How many events one run may have; more are lost. At least 1. @default 1_000_000 */
  readonly maxEventsPerRun?: number
  /** Upper bound on the payload of one event, counted as 8 per scalar and key and 2 per character. @default 65_536 */
  readonly maxPayloadBytes?: number
  /** How long `close()` waits for the store. @default '5s' */
  readonly closeTimeout?: Duration
  /** Further readers, such as the OpenTelemetry adapter. @default [] */
  readonly sinks?: readonly TimelineSink[]
  /** Told of losses, at most once per run and `flushInterval`. What it throws is ignored. @default nothing */
  readonly onLoss?: (report: LossReport) => void
}

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 30_000

/** Where urgent runs come faster than so many per so many milliseconds, this many of them are stored together. */
const PUMPS_PER_WINDOW = 8
const WINDOW_MS = 5
const COMPANY = 16

/**
 * Writes what runs record to a store, in the background. It never throws into a run, never makes one wait, and holds
 * a bounded number of events: a store that fails is tried again and again, and what finds no room meanwhile is
 * counted, in the run's meta and to `onLoss`.
 *
 * One append is under way at a time; whatever is recorded meanwhile, by any run, goes with the next.
 */
export class TimelineRecorder {
  readonly #store: TimelineStore
  readonly #clock: Clock
  readonly #host: RecordingHost
  readonly #sinks: readonly TimelineSink[]
  readonly #onLoss: ((report: LossReport) => void) | undefined
  readonly #flushMs: number
  readonly #closeMs: number
  readonly #pending = new PendingRuns()
  readonly #losses = new Map<RunRecording, Omit<LossReport, 'runId' | 'lostEvents'>>()
  #failures = 0
  #flushTimer: TimerHandle
  #lossTimer: TimerHandle
  #isPumpDue = false
  #window = { from: 0, pumps: 0 }
  #pumping: Promise<void> | undefined
  /** What the store was given and has not answered for. */
  #writing: readonly Taken[] = []
  #closing: Promise<void> | undefined
  /** Nothing is taken any more. */
  #isClosed = false
  /** Nothing is stored or reported any more. */
  #isOver = false

  /** @throws {SystemError} `VALIDATION` when an option is out of its bounds. */
  constructor(options: TimelineRecorderOptions) {
    const {
      store,
      clock = systemClock,
      sinks = [],
      onLoss,
      flushInterval = 50,
      closeTimeout = 5000,
    } = options
    const maxBufferedEvents = atLeastOne('maxBufferedEvents', options.maxBufferedEvents ?? 10_000)
    this.#store = store
    this.#clock = clock
    this.#sinks = sinks
    this.#onLoss = onLoss
    this.#flushMs = toMs(flushInterval)
    this.#closeMs = toMs(closeTimeout)
    this.#host = {
      clock,
      redaction: options.redaction,
      snapshotInterval: atLeastOne('snapshotInterval', options.snapshotInterval ?? 100),
      maxPayloadBytes: atLeastOne('maxPayloadBytes', options.maxPayloadBytes ?? 65_536),
      maxEventsPerRun: atLeastOne('maxEventsPerRun', options.maxEventsPerRun ?? 1_000_000),
      room: maxBufferedEvents,
      changed: (place, isUrgent) => this.#note(place, isUrgent),
      lost: (run, reason, error) => this.#noteLoss(run, reason, error),
      observed: sinks.length === 0 ? undefined : (batch) => this.#show(batch),
    }
  }

  /** Begins, or goes on with, the recording of a run. */
  open(options: RecordingOptions): RunRecording {
    return new RunRecording(this.#host, options)
  }

  /**
   * What the store knows of a run that was recorded before: from there it goes on. Rejects with what the store fails with.
   *
   * @throws {SystemError} `TIMEOUT` when it has not answered within `closeTimeout`.
   */
  stored(runId: string): Promise<RunTimelineMeta | undefined> {
    return this.#inTime(this.flush().then(() => this.#store.getRunMeta(runId)))
  }

  /** Resolves when everything recorded so far is stored, or the store has failed to take it. Never rejects. */
  async flush(): Promise<void> {
    await this.#pumping
    do {
      if (this.#pending.size > 0) await this.#pump('all')
    } while (this.#pending.size > 0 && this.#failures === 0)
  }

  /**
   * Stores what is left, in one more try, and ends all recordings; what the store fails to take then, or has not taken within
   * `closeTimeout`, is lost and reported. Closing twice is allowed, and comes to the same.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    this.#host.room = -Infinity
    await this.#inTime(this.flush()).catch(() => {})
    this.#clearFlushTimer()
    for (const { run } of this.#writing) run.abandon('closed')
    for (const run of this.#pending.take()) run.abandon('closed')
    this.#clock.clearTimeout(this.#lossTimer)
    this.#reportLosses()
    this.#isOver = true
  }

  #inTime<Value>(asked: Promise<Value>): Promise<Value> {
    const message = `The store of timelines has not answered within ${this.#closeMs} ms`
    return within(this.#clock, this.#closeMs, asked, () => new SystemError('TIMEOUT', message))
  }

  #note(place: PendingRun, isUrgent: boolean): void {
    if (this.#isOver) return
    const { run } = place
    // Of a run that was refused from its first event to its end there is nothing to store.
    if (isFinished(run.status) && run.pendingEvents === 0 && !run.isKnownToStore && run.lostEvents > 0) {
      return this.#pending.delete(place)
    }
    this.#pending.add(place, isUrgent)
    if (this.#pumping !== undefined) return
    if (isUrgent && this.#failures === 0) this.#pumpSoon()
    else this.#schedule()
  }

  /** Outside of the run's own stack: the store is not the engine's to wait for. */
  #pumpSoon(): void {
    if (this.#isPumpDue) return
    const now = this.#clock.now()
    if (Math.abs(now - this.#window.from) >= WINDOW_MS) this.#window = { from: now, pumps: 0 }
    if (this.#window.pumps >= PUMPS_PER_WINDOW && this.#pending.urgentCount < COMPANY) return this.#schedule()
    this.#window.pumps++
    this.#isPumpDue = true
    queueMicrotask(() => {
      this.#isPumpDue = false
      if (this.#pending.urgentCount > 0) void this.#pump('urgent')
    })
  }

  #schedule(): void {
    if (this.#flushTimer !== undefined || this.#isClosed) return
    const delay = this.#failures === 0 ? this.#flushMs : retryDelay(this.#failures)
    this.#flushTimer = this.#clock.setTimeout(() => {
      this.#flushTimer = undefined
      void this.#pump('all')
    }, delay)
  }

  #pump(which: 'all' | 'urgent'): Promise<void> {
    this.#pumping ??= this.#writeAll(which).finally(() => {
      this.#pumping = undefined
      if (this.#pending.size > 0) this.#schedule()
      else this.#clearFlushTimer()
    })
    return this.#pumping
  }

  /** Stores what there is of these runs, and then of those that have become urgent meanwhile. */
  async #writeAll(which: 'all' | 'urgent'): Promise<void> {
    if (which === 'all') this.#clearFlushTimer()
    do {
      if (!(await this.#endDoubts())) {
        this.#failures++
        return
      }
      const taken = this.#take(which)
      this.#writing = taken
      if (taken.length === 0 || (await this.#write(taken))) this.#failures = 0
      else this.#failures++
      this.#writing = []
      which = 'urgent'
    } while (this.#pending.urgentCount > 0 && this.#failures === 0)
  }

  #take(which: 'all' | 'urgent'): Taken[] {
    // A sink sees the run that caused another before that other one: where there are sinks, all go together.
    const isAll = which === 'all' || this.#sinks.length > 0
    const taken: Taken[] = []
    for (const run of isAll ? this.#pending.take() : this.#pending.takeUrgent()) {
      const batch = takeSafely(run)
      if (batch) taken.push({ run, batch })
    }
    return taken
  }

  #clearFlushTimer(): void {
    this.#clock.clearTimeout(this.#flushTimer)
    this.#flushTimer = undefined
  }

  /** Reads back what failed: numbers that a store may have already are not given away again. */
  async #endDoubts(): Promise<boolean> {
    if (this.#failures === 0) return true
    try {
      for (const run of this.#pending.runs) {
        if (run.isInDoubt) run.confirm(await this.#store.getRunMeta(run.runId))
      }
      return true
    } catch {
      return false
    }
  }

  /** Whether the store has dealt with all of them, be it by refusing some for good. */
  async #write(taken: readonly Taken[]): Promise<boolean> {
    try {
      await this.#store.append(taken.map(({ batch }) => batch))
      for (const { run } of taken) run.settle('stored')
      return true
    } catch (error) {
      if (!isRefusal(error)) {
        for (const { run } of taken) run.settle('failed')
        return false
      }
      if (taken.length === 1) {
        taken[0]!.run.settle('refused', error)
        return true
      }
    }
    // One of them spoils it for all: each for itself.
    let isWell = true
    for (const one of taken) isWell = (await this.#write([one])) && isWell
    return isWell
  }

  #show(batch: TimelineBatch): void {
    for (const sink of this.#sinks) {
      try {
        sink.take(batch)
      } catch (error) {
        this.#tell({ runId: batch.meta.runId, lostEvents: batch.meta.lostEvents ?? 0, reason: 'sink', error })
      }
    }
  }

  #noteLoss(run: RunRecording, reason: LossReason, error: unknown): void {
    if (!this.#onLoss || this.#isOver) return
    this.#losses.set(run, error === undefined ? { reason } : { reason, error })
    if (this.#isClosed || this.#lossTimer !== undefined) return
    this.#lossTimer = this.#clock.setTimeout(() => this.#reportLosses(), this.#flushMs)
  }

  #reportLosses(): void {
    this.#lossTimer = undefined
    const losses = [...this.#losses]
    this.#losses.clear()
    for (const [{ runId, lostEvents }, loss] of losses) this.#tell({ runId, lostEvents, ...loss })
  }

  #tell(report: LossReport): void {
    try {
      this.#onLoss?.(report)
    } catch {
      // There is nobody left to tell.
    }
  }
}

interface Taken {
  readonly run: RunRecording
  readonly batch: TimelineBatch
}

/** What cannot be redacted is not recorded. */
function takeSafely(run: RunRecording): TimelineBatch | undefined {
  try {
    return run.take()
  } catch (error) {
    run.abandon('store', error)
    return undefined
  }
}

const REFUSALS: ReadonlySet<string> = new Set(['VALIDATION', 'CAPACITY', 'VERSION_MISMATCH', 'FENCED'])

/** Whether the same batch would fail again, and again: it does not fit, rather than the store being down. */
function isRefusal(error: unknown): boolean {
  if (isSystemError(error)) return REFUSALS.has(error.code)
  return error instanceof TypeError || (error as Error | undefined)?.name === 'DataCloneError'
}

function retryDelay(failures: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1))
}

function atLeastOne(name: string, value: number): number {
  if (value >= 1) return value
  throw new SystemError('VALIDATION', `Cannot record with "${name}" of ${value}: it must be at least 1`)
}
