import { EventLog } from './event-log.js'
import { PendingRun } from './pending-runs.js'
import { RecordedBatch } from './recorded-batch.js'
import type {
  BatchOutcome,
  LossReason,
  RecordedState,
  RecordingHost,
  RecordingOptions,
} from './recording-host.js'
import { toSafePayload } from './safe-payload.js'
import type { TimelineSource, TimelineState } from './timeline-event.js'
import {
  type RunTimelineMeta,
  type TimelineBatch,
  type TimelineStatus,
  isFinished,
} from './timeline-store.js'

/** How many events of one run make a batch that is stored without waiting for more. */
const URGENT_COUNT = 256

/** For how many events of a new run there is room from the beginning: one of three stages has twenty. */
const CAPACITY = 20

/** Of most runs, shared by them. */
const NONE: number[] = []
const ONLY_FIRST = [1]

const LETTER_L = 'l'.charCodeAt(0)

/** The part of the limit on events at which the timeline says that it is near. */
const WARN_AT = 0.8

/**
 * The recording of one run. What it keeps:
 *
 * - T1 `seq` has no gaps: what finds no room never gets a number, and the numbers of what is refused are given anew.
 * - T2 After a loss the next event carries the whole state, so the state at any `seq` is the one the run had.
 * - T3 `record` does not throw, does not wait and does not copy.
 * - T4 Nothing is taken before it is redacted.
 */
export class RunRecording {
  readonly runId: string
  readonly #host: RecordingHost
  readonly #place: PendingRun
  readonly #isBackground: boolean
  readonly #workflowId: string
  readonly #pipelineId: string
  readonly #startTime: number
  readonly #metadata: RunTimelineMeta['metadata']
  readonly #bytes: number | undefined
  /** Recorded since the last batch was taken, as it came: numbers are taken back when those before are refused. */
  #fresh: EventLog
  /** The state after the first of them. */
  #firstState: TimelineState | undefined
  /** The state after each of them that has patches; only where those are redacted. */
  #statesAfter: TimelineState[] = []
  /** Taken, so redacted and safe, and not yet stored. */
  #taken: EventLog | undefined
  #inFlight: TimelineBatch | undefined
  #lastSeq: number
  /** Of one element at most, it is not its own. */
  #snapshotSeqs: number[]
  #lastSnapshotSeq: number
  #state: TimelineState | undefined
  #status: TimelineStatus = 'recording'
  #storedStatus: TimelineStatus | undefined
  #endTime: number | undefined
  #lostEvents: number
  #isInDoubt = false
  #isMetaDirty = true
  /** Whether the recorder knows that there is something to take. */
  #isTold = false
  #isNextWhole = true

  constructor(host: RecordingHost, options: RecordingOptions) {
    const { runId, workflowId, pipelineId, metadata, continues, state, storedBy = 'background' } = options
    const { maxPayloadBytes: maxBytes, redaction } = host
    const facts = metadata && toSafePayload(withoutGaps(metadata), { maxBytes, redaction })
    this.runId = runId
    this.#host = host
    this.#place = new PendingRun(this)
    this.#isBackground = storedBy === 'background'
    this.#workflowId = workflowId
    this.#pipelineId = pipelineId
    this.#startTime = continues?.startTime ?? options.startTime ?? host.clock.now()
    this.#metadata =
      continues?.metadata && facts ? { ...continues.metadata, ...facts } : (facts ?? continues?.metadata)
    this.#bytes = continues?.bytes
    this.#lastSeq = continues?.eventCount ?? 0
    this.#snapshotSeqs = continues ? [...continues.snapshotSeqs] : NONE
    this.#lastSnapshotSeq = this.#snapshotSeqs.at(-1) ?? 0
    this.#storedStatus = continues?.status
    this.#lostEvents = continues?.lostEvents ?? 0
    this.#state = state
    this.#fresh = new EventLog(runId, this.#lastSeq + 1, continues ? 0 : CAPACITY)
    this.#changed(false)
  }

  /** How many events of this run could not be kept, since it began. */
  get lostEvents(): number {
    return this.#lostEvents
  }

  get status(): TimelineStatus {
    return this.#status
  }

  /** How many events wait to be stored. */
  get pendingEvents(): number {
    return this.#fresh.length + (this.#taken?.length ?? 0)
  }

  /** Whether the store has, or may have, something of this run. */
  get isKnownToStore(): boolean {
    return this.#storedStatus !== undefined
  }

  /**
   * Puts an event on the timeline. Payload and state belong to the recording from then on; what is left of a payload
   * that is too large, or not plain data, says so. After the end of the run nothing is recorded.
   */
  readonly record = (
    source: TimelineSource,
    type: string,
    payload: Readonly<Record<string, unknown>>,
    change?: RecordedState,
  ): void => {
    if (isFinished(this.#status)) return
    const host = this.#host
    let isWhole = this.#isNextWhole
    if (change && change.state !== this.#state) {
      isWhole ||= change.delta === undefined || this.#state === undefined
      this.#state = change.state
    }
    if (host.room < 1) return this.#lose(1, 'buffer')
    if (this.#lastSeq >= host.maxEventsPerRun) return this.#lose(1, 'limit')
    const state = this.#state
    const seq = ++this.#lastSeq
    const fresh = this.#fresh
    const delta = change?.delta
    const hasSnapshot = state && (isWhole || seq - this.#lastSnapshotSeq >= host.snapshotInterval)
    // What a user logs may change before the next batch; the rest is the engine's own.
    const kept = isLog(type) ? this.#safe(payload) : payload
    fresh.add(host.clock.now(), source, type, kept, delta, hasSnapshot ? state : undefined)
    if (fresh.length === 1) this.#firstState = state
    if (delta && host.redaction) this.#statesAfter.push(change.state)
    if (hasSnapshot) this.#noteSnapshot(seq)
    this.#isNextWhole = isWhole && state === undefined
    host.room--
    const isUrgent = fresh.length >= URGENT_COUNT
    if (isUrgent || !this.#isTold) this.#changed(isUrgent)
    if (seq === Math.floor(host.maxEventsPerRun * WARN_AT)) this.#warn(host.maxEventsPerRun)
  }

  /** Says where the run stands now. An end is an end: nothing changes it, and nothing is recorded after it. */
  setStatus(status: TimelineStatus): void {
    if (status === this.#status || isFinished(this.#status)) return
    this.#status = status
    if (isFinished(status)) this.#endTime = this.#host.clock.now()
    this.#isMetaDirty = true
    this.#changed(true)
  }

  /**
   * Everything that is to be stored, or `undefined` when there is nothing, or a batch is out already. Each batch ends
   * with `settle`.
   */
  take(): TimelineBatch | undefined {
    if (this.#inFlight) return undefined
    this.#isTold = false
    const fresh = this.#takeFresh()
    if (this.#taken) this.#taken.append(fresh)
    else this.#taken = fresh
    if (this.#taken.length === 0 && !this.#isMetaDirty) return undefined
    const meta = this.#meta()
    const batch = new RecordedBatch(meta, this.#taken, this.#storedStatus)
    this.#inFlight = batch
    this.#isMetaDirty = false
    // Last: what a sink does to the run is of the next batch.
    this.#host.observed?.(new RecordedBatch(meta, fresh))
    return batch
  }

  /** Says what became of the batch that was taken. */
  settle(outcome: BatchOutcome, error?: unknown): void {
    const batch = this.#inFlight
    if (!batch) return
    this.#inFlight = undefined
    if (outcome === 'failed') {
      this.#isInDoubt = true
      this.#isMetaDirty = true
      return this.#changed(false)
    }
    const count = this.#taken?.length ?? 0
    this.#taken = undefined
    this.#host.room += count
    if (outcome === 'stored') this.#storedStatus = batch.meta.status
    else if (count > 0) this.#forget(count, 'store', error)
    if (this.#fresh.length > 0 || this.#isMetaDirty) this.#changed(isFinished(this.#status))
  }

  /** Whether the last batch failed, so that the store may or may not have it. */
  get isInDoubt(): boolean {
    return this.#isInDoubt
  }

  /** Ends the doubt: what the store was found to have of this run is not stored again. */
  confirm(stored: RunTimelineMeta | undefined): void {
    this.#isInDoubt = false
    if (!stored) return
    this.#storedStatus = stored.status
    const taken = this.#taken
    if (!taken) return
    const known = Math.min(taken.length, Math.max(0, stored.eventCount - taken.first + 1))
    this.#host.room += known
    this.#taken = new EventLog(this.runId, taken.first + known)
    this.#taken.append(taken, known)
  }

  /** Gives up what is pending; counted as lost. */
  abandon(reason: LossReason, error?: unknown): void {
    this.#inFlight = undefined
    const count = this.pendingEvents
    this.#taken = undefined
    this.#fresh = new EventLog(this.runId, this.#lastSeq + 1)
    this.#statesAfter = []
    this.#host.room += count
    if (count > 0) this.#forget(count, reason, error)
    this.#isMetaDirty = false
  }

  /** Takes back the numbers of events that were not stored, and gives them to those that came after. */
  #forget(count: number, reason: LossReason, error: unknown): void {
    const fresh = this.#fresh
    this.#lastSeq -= count
    fresh.first = this.#lastSeq - fresh.length + 1
    this.#snapshotSeqs = this.#snapshotSeqs.filter((seq) => seq < fresh.first)
    this.#lastSnapshotSeq = this.#snapshotSeqs.at(-1) ?? 0
    if (this.#firstState && fresh.length > 0) fresh.setSnapshot(0, this.#firstState)
    for (const { index, snapshot } of fresh.changes()) {
      if (snapshot) this.#noteSnapshot(fresh.first + index)
    }
    this.#lose(count, reason, error)
  }

  #lose(count: number, reason: LossReason, error?: unknown): void {
    this.#lostEvents += count
    this.#isMetaDirty = true
    // Those that wait already have their place behind what was refused, and before what finds no room.
    if (this.#fresh.length === 0 || reason === 'buffer' || reason === 'limit') this.#isNextWhole = true
    this.#host.lost(this, reason, error)
  }

  #noteSnapshot(seq: number): void {
    this.#lastSnapshotSeq = seq
    const seqs = this.#snapshotSeqs
    if (seqs.length > 1) seqs.push(seq)
    else this.#snapshotSeqs = seq === 1 ? ONLY_FIRST : [...seqs, seq]
  }

  #warn(limit: number): void {
    const message = `This timeline is nearing its limit of ${limit} events: raise "maxEventsPerRun", or record less`
    this.record('logger', 'log:warn', { message })
  }

  #changed(isUrgent: boolean): void {
    if (!this.#isBackground) return
    this.#isTold = true
    this.#host.changed(this.#place, isUrgent)
  }

  /** What was recorded, made safe and redacted in place: nobody else has it yet. */
  #takeFresh(): EventLog {
    const fresh = this.#fresh
    if (fresh.length > 0) this.#secure(fresh)
    this.#fresh = new EventLog(this.runId, this.#lastSeq + 1)
    if (this.#statesAfter.length > 0) this.#statesAfter = []
    return fresh
  }

  #secure(fresh: EventLog): void {
    fresh.mapPayloads((payload, type) => (isLog(type) ? payload : this.#safe(payload)))
    const { redaction } = this.#host
    if (!redaction) return
    let changes = 0
    for (const { index, delta, snapshot } of fresh.changes()) {
      const shown = delta && redaction.delta(delta, this.#statesAfter[changes++]!)
      fresh.setChange(index, shown, snapshot && redaction.state(snapshot))
    }
  }

  #safe(payload: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    try {
      const { maxPayloadBytes: maxBytes, redaction } = this.#host
      return toSafePayload(payload, { maxBytes, redaction })
    } catch {
      return { unreadable: true }
    }
  }

  #meta(): RunTimelineMeta {
    const meta: { -readonly [Field in keyof RunTimelineMeta]: RunTimelineMeta[Field] } = {
      runId: this.runId,
      workflowId: this.#workflowId,
      pipelineId: this.#pipelineId,
      startTime: this.#startTime,
      status: this.#status,
      eventCount: this.#lastSeq,
      snapshotInterval: this.#host.snapshotInterval,
      snapshotSeqs: isFinished(this.#status) ? this.#snapshotSeqs : this.#snapshotSeqs.slice(),
    }
    // Absent rather than undefined: not every store tells the two apart.
    if (this.#endTime !== undefined) meta.endTime = this.#endTime
    if (this.#lostEvents > 0) meta.lostEvents = this.#lostEvents
    if (this.#bytes !== undefined) meta.bytes = this.#bytes
    if (this.#metadata) meta.metadata = this.#metadata
    return meta
  }
}

/** What a user logs may change before the next batch. */
function isLog(type: string): boolean {
  // No other type begins so: asked for each event, and a character is there at once.
  return type.charCodeAt(0) === LETTER_L && type.startsWith('log:')
}

/** Absent rather than undefined: not every store tells the two apart. */
function withoutGaps(facts: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  let hasGaps = false
  for (const key in facts) if (facts[key] === undefined) hasGaps = true
  if (!hasGaps) return facts
  const present: Record<string, unknown> = {}
  for (const key of Object.keys(facts)) if (facts[key] !== undefined) present[key] = facts[key]
  return present
}
