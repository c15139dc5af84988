import type { BusEvent } from '../../core/bus-event.js'
import { deepFreeze } from '../../core/deep-freeze.js'
import type { ResumeCause } from '../../pipeline/resume-cause.js'
import type { WaitingPipeline } from '../../pipeline/run-host.js'
import type { WatchDescriptor } from '../../pipeline/watch-descriptor.js'
import type { StateObject } from '../../state/change.js'
import { RecentIds } from '../admission/recent-ids.js'
import { type Fit, fits } from './conditions.js'
import type { InboxPlace, WatchIndex } from './watch-index.js'
import { type Watch, createWatch } from './watch.js'

/** What an inbox tells the run it belongs to. */
export interface InboxHost {
  /** The event that started the run: it never ends a wait of its own run. */
  readonly startEventId: string
  readonly bufferLimit: number
  /** The wait of the pipeline at `path` is over. */
  resume(path: string, cause: ResumeCause, assign: Readonly<Record<string, string>> | undefined): void
  /** Something the user wrote failed, and the run cannot be failed for it. */
  fault(error: unknown, what: string): void
  /** For the timeline. */
  note(type: string, payload: Readonly<Record<string, unknown>>): void
}

/** What is stored of an inbox: watches of steps, events that came early, and ids of events that ended a wait. */
export interface InboxRecord {
  readonly path: string
  readonly watches: readonly { readonly id: string; readonly descriptor: WatchDescriptor }[]
  readonly kept: readonly BusEvent[]
  readonly taken: readonly string[]
}

/** An event that is kept; `isSure` when it fits a watch, and not only may come to. */
interface KeptEvent {
  readonly event: BusEvent
  readonly isSure: boolean
}

/**
 * The events a pipeline waits for, or will: its watches, and the one buffer in which events of all of them stand in the
 * order they came.
 *
 * Invariants:
 * - W1 from the moment a watch is here, an event that fits it is either kept or ends the wait; it never does both, and
 *   never twice;
 * - W2 a pipeline that is parked keeps nothing that would end its wait;
 * - W3 as long as a pipeline is not parked the state says nothing against an event: it may be about to hold the very
 *   value the event is compared with. The pause that waits for the event decides, with the state it pauses with;
 * - W4 events stand and are taken in the order they came, whatever watch they are for.
 */
export class Inbox implements InboxPlace {
  readonly path: string
  readonly #host: InboxHost
  readonly #index: WatchIndex
  readonly #pipeline: WaitingPipeline
  readonly #watches = new Map<string, Watch>()
  /** By id, in the order they came. */
  readonly #kept = new Map<string, KeptEvent>()
  /** Ids of events that ended a wait. */
  #taken: RecentIds | undefined
  /** `pausing` from the decision to pause until it is committed; only `parked` lets an event end the wait. */
  #phase: 'running' | 'pausing' | 'parked' = 'running'
  #lost = 0
  /** What the inbox was last looked up by. */
  #placedState: StateObject | undefined

  constructor(pipeline: WaitingPipeline, host: InboxHost, index: WatchIndex) {
    this.path = pipeline.path
    this.#pipeline = pipeline
    this.#host = host
    this.#index = index
    for (const { stageId, descriptor } of pipeline.stageWatches) {
      this.#add(createWatch(`stage:${stageId}`, 'stage', descriptor, stageId))
    }
  }

  get watches(): Iterable<Watch> {
    return this.#watches.values()
  }
  get isParked(): boolean {
    return this.#phase === 'parked'
  }
  get state(): StateObject {
    return this.#pipeline.state
  }
  get buffered(): readonly BusEvent[] {
    return Array.from(this.#kept.values(), ({ event }) => event)
  }

  /** A watch of a step. One that says the same is the same watch: a retried step registers once. */
  register(id: string, descriptor: WatchDescriptor): string {
    const watch = createWatch(id, 'step', descriptor)
    for (const other of this.#watches.values()) {
      if (other.origin === 'step' && other.fingerprint === watch.fingerprint) return other.id
    }
    this.#add(watch)
    this.#host.note('watch:registered', { watchId: id, path: this.path, descriptor })
    return id
  }

  /** Ends a watch of a step and drops what was kept for it alone. */
  cancel(id: string): boolean {
    const watch = this.#watches.get(id)
    if (watch?.origin !== 'step') return false
    this.#remove(watch)
    return true
  }

  /** The pipeline has decided to pause: what its pause names is watched from here on. */
  pausing(): void {
    const { wait } = this.#pipeline
    this.#phase = 'pausing'
    if (wait?.until) this.#add(createWatch('pause', 'pause', wait.until, wait.stageId))
  }

  /** The pause is committed: the oldest event that fits ends it at once; otherwise the next one will. */
  park(): void {
    if (this.#phase !== 'pausing') return
    this.#phase = 'parked'
    this.#place()
    this.#offerKept()
    this.#forgetUnwanted()
  }

  /** The wait is over, whatever ended it. */
  running(cause?: ResumeCause): void {
    if (cause?.kind === 'timeout') this.#host.note('watch:timeout', { path: this.path })
    this.#phase = 'running'
    const own = this.#watches.get('pause')
    if (own) this.#remove(own)
    else this.#place()
  }

  close(): void {
    this.#watches.clear()
    this.#kept.clear()
    this.#place()
  }

  /** Looks the state up again after it changed while parked. */
  stateChanged(): void {
    // Each commit of a run tells all its pipelines.
    if (!this.isParked || this.state === this.#placedState) return
    this.#place()
    this.#offerKept()
  }

  receive(event: BusEvent): void {
    if (event.id === this.#host.startEventId || this.#kept.has(event.id) || this.#taken?.has(event.id)) return
    const offer = this.isParked ? this.#offer(event) : undefined
    if (offer === 'taken') return
    const hope = this.#hope(event, this.isParked)
    if (hope) this.#keep({ event, isSure: hope === 'sure' }, offer === 'collected')
  }

  // ——— being stored

  record(): InboxRecord {
    const own = [...this.#watches.values()].filter(({ origin }) => origin === 'step')
    return {
      path: this.path,
      watches: own.map(({ id, descriptor }) => ({ id, descriptor })),
      kept: this.buffered,
      taken: this.#taken?.list() ?? [],
    }
  }

  /** Puts back what was kept. A pipeline that pauses is parked afterwards, not before. */
  restore({ watches, kept, taken }: InboxRecord): void {
    for (const { id, descriptor } of watches) this.#add(createWatch(id, 'step', descriptor))
    for (const event of kept) {
      deepFreeze(event)
      this.#kept.set(event.id, { event, isSure: this.#hope(event, false) === 'sure' })
    }
    if (taken.length > 0) this.#taken = new RecentIds(taken)
  }

  // ——— ending the wait

  /** Lets what is kept end the wait, as if it came now. */
  #offerKept(): void {
    const kept = [...this.#kept.values()]
    this.#kept.clear()
    for (const each of kept) {
      if (this.isParked && this.#offer(each.event) === 'taken') continue
      this.#kept.set(each.event.id, each)
    }
  }

  /** Whether an event ends the wait, or is one of several that will together. */
  #offer(event: BusEvent): 'taken' | 'collected' | undefined {
    let isCollected = false
    for (const watch of this.#awaited()) {
      if (this.#fit(watch, event, true) !== 'yes') continue
      const events = watch.isForAll ? this.#collect(watch, event) : [event]
      if (events.every((each) => each !== undefined)) {
        this.#take(watch, events)
        return 'taken'
      }
      isCollected ||= events.includes(event)
    }
    return isCollected ? 'collected' : undefined
  }

  /** The oldest event of each type a watch is for, with the one that came last. */
  #collect(watch: Watch, last: BusEvent): readonly (BusEvent | undefined)[] {
    const candidates = [...this.buffered, last]
    return watch.types.map((type) =>
      candidates.find((event) => event.type === type && this.#fit(watch, event) === 'yes'),
    )
  }

  #take({ id, isForAll, descriptor }: Watch, events: readonly BusEvent[]): void {
    this.#taken ??= new RecentIds()
    for (const event of events) {
      this.#kept.delete(event.id)
      this.#taken.add(event.id)
    }
    const eventIds = events.map((event) => event.id)
    this.#host.note('watch:matched', { watchId: id, path: this.path, eventIds })
    const cause: ResumeCause = isForAll ? { kind: 'events', events } : { kind: 'event', event: events[0]! }
    this.#host.resume(this.path, cause, descriptor.assign)
  }

  // ——— keeping events

  /** @param isCollected Whether the present wait has need of it: it is then kept beyond the limit. */
  #keep(kept: KeptEvent, isCollected: boolean): void {
    if (this.#kept.size >= this.#host.bufferLimit && !isCollected) {
      // The oldest stay; but what only may come to fit makes way for what does.
      const unsure = kept.isSure ? [...this.#kept.values()].findLast(({ isSure }) => !isSure) : undefined
      this.#noteLost((unsure ?? kept).event)
      if (!unsure) return
      this.#kept.delete(unsure.event.id)
    }
    this.#kept.set(kept.event.id, kept)
    if (kept.isSure) this.#noteKept(kept.event)
  }

  /** Drops what no watch can come to fit any more. */
  #forgetUnwanted(): void {
    for (const { event, isSure } of this.#kept.values()) {
      const hope = this.#hope(event, false)
      if (!hope) this.#kept.delete(event.id)
      else if (hope === 'sure' && !isSure) {
        this.#kept.set(event.id, { event, isSure: true })
        this.#noteKept(event)
      }
    }
  }

  /**
   * Whether a watch wants the event: for sure, or maybe.
   *
   * @param isDecided Whether the state as it is now decides for every watch, and not only for those of the present wait.
   */
  #hope(event: BusEvent, isDecided: boolean): 'sure' | 'maybe' | undefined {
    const decided = this.isParked ? (isDecided ? [...this.watches] : this.#awaited()) : []
    let hope: 'maybe' | undefined
    for (const watch of this.#watches.values()) {
      const fit = this.#fit(watch, event)
      if (fit === 'yes') return 'sure'
      if (fit === 'open' || (fit === 'no' && !decided.includes(watch))) hope = 'maybe'
    }
    return hope
  }

  #noteKept({ id, type }: BusEvent): void {
    this.#host.note('watch:buffered', { path: this.path, eventId: id, type })
  }

  #noteLost({ id, type }: BusEvent): void {
    const lost = ++this.#lost
    this.#host.note('watch:buffered', { path: this.path, eventId: id, type, overflow: true, lost })
  }

  // ——— watches

  /** What ends the present wait: what the pause names, else what its stage declares, else what steps registered. */
  #awaited(): readonly Watch[] {
    const { wait } = this.#pipeline
    if (wait?.kind !== 'pause') return []
    const named = this.#watches.get('pause') ?? this.#watches.get(`stage:${wait.stageId}`)
    return named ? [named] : [...this.#watches.values()].filter(({ origin }) => origin === 'step')
  }

  /** @param isFinal Whether the present wait hangs on the answer, so that a fault must not pass for "not yet". */
  #fit({ types, descriptor, stageId }: Watch, event: BusEvent, isFinal = false): Fit {
    if (!types.includes(event.type)) return 'never'
    const fit = fits(descriptor, event, this.#pipeline.state)
    if (fit !== 'yes' || stageId === undefined) return fit
    try {
      return this.#pipeline.accepts(stageId, event) ? 'yes' : 'no'
    } catch (error) {
      if (isFinal) this.#host.fault(error, `"where" of stage "${stageId}"`)
      return 'open'
    }
  }

  #add(watch: Watch): void {
    this.#watches.set(watch.id, watch)
    this.#place()
  }

  #remove(watch: Watch): void {
    this.#watches.delete(watch.id)
    this.#place()
    this.#forgetUnwanted()
  }

  #place(): void {
    this.#placedState = this.state
    this.#index.place(this)
  }
}
