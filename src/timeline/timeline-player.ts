import { deepFreeze } from '../core/deep-freeze.js'
import { SystemError } from '../core/system-error.js'
import type { stateAfter } from './state-after.js'
import type { TimelineEvent, TimelineState } from './timeline-event.js'
import { type RunTimelineMeta, type TimelineStore, lastAtMost, unknownRun } from './timeline-store.js'

/** The state before anything is known of it. */
const NOTHING: TimelineState = Object.freeze({})

/** The most events that are loaded beyond the one asked for. */
const PAGE = 500

/** Events that follow each other, the first of them with its state. */
interface Page {
  readonly first: number
  readonly events: readonly TimelineEvent[]
  /** The states after the events, as far as they were asked for. */
  readonly states: TimelineState[]
}

/**
 * Goes back and forth in the timeline of a run. It stands before the first event when it is made; commands are
 * carried out one after the other, and one that fails moves nothing.
 *
 * A seek loads the events from the last snapshot before its target, and steps near it load nothing. What rebuilds states is
 * loaded with the first seek: a page that only records does not carry it.
 */
export class TimelinePlayer implements AsyncIterable<TimelineEvent> {
  readonly runId: string
  readonly #store: TimelineStore
  #meta: RunTimelineMeta | undefined
  #page: Page = { first: 1, events: [], states: [] }
  #position = 0
  #last: Promise<unknown> = Promise.resolve()
  #stateAfter: typeof stateAfter | undefined

  constructor(store: TimelineStore, runId: string) {
    this.#store = store
    this.runId = runId
  }

  /** The `seq` of the event the player stands at; 0 before the first. */
  get position(): number {
    return this.#position
  }

  /** The event the player stands at; `undefined` before the first. */
  get event(): TimelineEvent | undefined {
    return this.#page.events[this.#position - this.#page.first]
  }

  /** The state of the run after that event, deeply frozen; `{}` before the run had one. */
  get state(): TimelineState {
    return this.#position === 0 ? NOTHING : this.#stateAt(this.#page, this.#position)
  }

  /** What is known of the run; `undefined` before the first command. */
  get meta(): RunTimelineMeta | undefined {
    return this.#meta
  }

  /**
   * Goes to an event, or with 0 before the first, and resolves to it.
   *
   * @throws {SystemError} `VALIDATION` when `seq` is not a whole number from 0 on, `NOT_FOUND` when there is no such
   *   run or event.
   */
  seek(seq: number): Promise<TimelineEvent | undefined> {
    return this.#inTurn(() => this.#goTo(seq))
  }

  /** Goes to the next event and resolves to it; at the last event it stays there and resolves to `undefined`. */
  stepForward(): Promise<TimelineEvent | undefined> {
    return this.#inTurn(async () => {
      const next = this.#position + 1
      return (await this.#eventCount(next)) < next ? undefined : this.#goTo(next)
    })
  }

  /** Goes to the event before and resolves to it; before the first it resolves to `undefined`. */
  stepBackward(): Promise<TimelineEvent | undefined> {
    return this.#inTurn(() => this.#goTo(Math.max(0, this.#position - 1)))
  }

  /** Steps forward to the end; the state of each event is the player's while it is handed out. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TimelineEvent> {
    for (let event = await this.stepForward(); event; event = await this.stepForward()) yield event
  }

  #inTurn<Value>(command: () => Promise<Value>): Promise<Value> {
    const result = this.#last.then(command)
    this.#last = result.catch(() => {})
    return result
  }

  async #goTo(seq: number): Promise<TimelineEvent | undefined> {
    if (!Number.isInteger(seq) || seq < 0) {
      throw new SystemError(
        'VALIDATION',
        `Cannot go to event ${seq}: give a whole number, 0 for before the first`,
        {
          context: { runId: this.runId },
        },
      )
    }
    const eventCount = await this.#eventCount(seq)
    if (seq > eventCount) {
      throw new SystemError(
        'NOT_FOUND',
        `Cannot go to event ${seq} of run "${this.runId}": its timeline has ${eventCount}`,
        {
          context: { runId: this.runId, seq, eventCount },
        },
      )
    }
    if (seq > 0) {
      this.#stateAfter ??= (await import('./state-after.js')).stateAfter
      const page = this.#holds(seq) ? this.#page : await this.#load(seq, eventCount)
      this.#stateAt(page, seq)
      this.#page = page
    }
    // Not -0, which a calculation may give.
    this.#position = seq + 0
    return this.event
  }

  /** How many events there are: read again when what is known does not reach that far, for runs still being recorded. */
  async #eventCount(wanted: number): Promise<number> {
    if (!this.#meta || this.#meta.eventCount < wanted) {
      this.#meta = await this.#store.getRunMeta(this.runId)
      if (!this.#meta) throw unknownRun(this.runId)
    }
    return this.#meta.eventCount
  }

  #holds(seq: number): boolean {
    return seq >= this.#page.first && seq < this.#page.first + this.#page.events.length
  }

  async #load(seq: number, eventCount: number): Promise<Page> {
    const { snapshotSeqs } = this.#meta!
    const end = this.#page.first + this.#page.events.length
    const follows = seq >= end && seq < end + PAGE && (lastAtMost(snapshotSeqs, seq) ?? 0) < end
    // Going on where the page ends needs no snapshot: its last state is known.
    const snapshot = follows ? undefined : await this.#store.getNearestSnapshot(this.runId, seq)
    const first = follows ? end : (snapshot?.seq ?? 1)
    const nextSnapshot = snapshotSeqs.find((each) => each > seq) ?? Infinity
    const to = Math.min(eventCount, Math.max(seq, Math.min(nextSnapshot - 1, first + PAGE - 1)))
    const events = await this.#store.getEvents(this.runId, first, to)
    if (events[seq - first]?.seq !== seq) throw unknownRun(this.runId)
    events.forEach(deepFreeze)
    const page: Page = { first, events, states: [] }
    if (snapshot) page.states.push(deepFreeze(snapshot.state))
    else
      page.states.push(
        this.#stateAfter!(events[0]!, first === 1 ? NOTHING : this.#stateAt(this.#page, first - 1)),
      )
    return page
  }

  #stateAt({ first, events, states }: Page, seq: number): TimelineState {
    for (let index = states.length; index <= seq - first; index++) {
      states.push(this.#stateAfter!(events[index]!, states[index - 1]!))
    }
    return states[seq - first]!
  }
}
