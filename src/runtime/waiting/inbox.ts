import type { BusEvent } from '../../core/bus-event.js'
import type { ResumeCause } from '../../pipeline/resume-cause.js'
import type { WaitingPipeline } from '../../pipeline/run-host.js'
import type { WatchDescriptor } from '../../pipeline/watch-descriptor.js'
import { fits } from './conditions.js'
import type { InboxPlace, WatchIndex } from './watch-index.js'
import { type Watch, createWatch } from './watch.js'

/** What an inbox tells the run it belongs to. */
export interface InboxHost {
  /** The event that started the run: it never ends a wait of its own run. */
  readonly startEventId: string
  readonly bufferLimit: number
  /** The wait of the pipeline at `path` is over. */
  resume(path: string, cause: ResumeCause, assign: Readonly<Record<string, string>> | undefined): void
  /** For the timeline. */
  note(type: string, payload: Readonly<Record<string, unknown>>): void
}

/**
 * The events a pipeline waits for, or will: its watches, and the one buffer in which events of all of them stand in the
 * order they came.
 *
 * Invariants:
 * - W1 from the moment a watch is here, an event that fits it is either buffered or ends the wait; it never does both;
 * - W2 a pipeline that is parked has nothing in its buffer that would end its wait;
 * - W3 an event whose fit hangs on state that is not there yet is kept, and decided on when the pipeline pauses.
 */
export class Inbox implements InboxPlace {
  readonly path: string
  readonly #host: InboxHost
  readonly #index: WatchIndex
  readonly #pipeline: WaitingPipeline
  readonly #watches = new Map<string, Watch>()
  #buffer: BusEvent[] = []
  /** `pausing` from the decision to pause until it is committed; only `parked` lets an event end the wait. */
  #phase: 'running' | 'pausing' | 'parked' = 'running'
  #lost = 0

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
  get state() {
    return this.#pipeline.state
  }
  get buffered(): readonly BusEvent[] {
    return this.#buffer
  }

  /** A watch of a step. One with an equal descriptor is the same watch: a retried step registers once. */
  register(id: string, descriptor: WatchDescriptor): string {
    const text = JSON.stringify(descriptor)
    for (const watch of this.#watches.values()) {
      if (watch.origin === 'step' && JSON.stringify(watch.descriptor) === text) return watch.id
    }
    this.#add(createWatch(id, 'step', descriptor))
    this.#host.note('watch:registered', { watchId: id, path: this.path, descriptor })
    return id
  }

  /** Ends a watch of a step and drops what was buffered for it alone. */
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
    this.#index.place(this)
    const events = this.#buffer
    this.#buffer = []
    for (const [position, event] of events.entries()) {
      if (this.#phase === 'parked') this.receive(event, true)
      // Woken by the one before: what came after it waits for the next pause.
      else {
        this.#buffer.push(...events.slice(position).filter((each) => this.#isWanted(each)))
        break
      }
    }
  }

  /** The wait is over, whatever ended it. */
  running(): void {
    this.#phase = 'running'
    const own = this.#watches.get('pause')
    if (own) this.#remove(own)
    else this.#index.place(this)
    for (const { collected } of this.#watches.values()) {
      if (!collected) continue
      this.#buffer.unshift(...collected.values())
      collected.clear()
    }
  }

  close(): void {
    this.#watches.clear()
    this.#buffer = []
    this.#index.place(this)
  }

  /** Looks the state up again after it changed while parked. */
  stateChanged(): void {
    if (this.isParked) this.#index.place(this)
  }

  receive(event: BusEvent, isBuffered = false): void {
    if (event.id === this.#host.startEventId) return
    if (this.isParked) {
      for (const watch of this.#awaited()) {
        if (this.#fits(watch, event, true)) return this.#match(watch, event)
      }
    }
    if (this.#isWanted(event)) this.#keep(event, isBuffered)
  }

  #match(watch: Watch, event: BusEvent): void {
    const { collected, descriptor, types } = watch
    if (collected) {
      // A second event of a type waits for the next round.
      if (collected.has(event.type)) return this.#keep(event, true)
      collected.set(event.type, event)
      if (collected.size < types.length) return
      const events = types.map((type) => collected.get(type)!)
      collected.clear()
      this.#matched(watch, events)
      this.#host.resume(this.path, { kind: 'events', events }, descriptor.assign)
    } else {
      this.#matched(watch, [event])
      this.#host.resume(this.path, { kind: 'event', event }, descriptor.assign)
    }
  }

  #matched({ id }: Watch, events: readonly BusEvent[]): void {
    const eventIds = events.map(({ id }) => id)
    this.#host.note('watch:matched', { watchId: id, path: this.path, eventIds })
  }

  #keep(event: BusEvent, isBuffered: boolean): void {
    if (this.#buffer.length >= this.#host.bufferLimit) {
      const { type, id } = event
      this.#host.note('watch:buffered', {
        path: this.path,
        eventId: id,
        type,
        overflow: true,
        lost: ++this.#lost,
      })
      return
    }
    this.#buffer.push(event)
    if (!isBuffered) {
      this.#host.note('watch:buffered', { path: this.path, eventId: event.id, type: event.type })
    }
  }

  /** What ends the present wait: what the pause names, else what its stage declares, else what steps registered. */
  #awaited(): readonly Watch[] {
    const { wait } = this.#pipeline
    if (wait?.kind !== 'pause') return []
    const named = this.#watches.get('pause') ?? this.#watches.get(`stage:${wait.stageId}`)
    return named ? [named] : [...this.#watches.values()].filter(({ origin }) => origin === 'step')
  }

  /** Whether the event is one for a watch that does not end the present wait. */
  #isWanted(event: BusEvent): boolean {
    const awaited = this.isParked ? this.#awaited() : []
    for (const watch of this.#watches.values()) {
      if (!awaited.includes(watch) && this.#fits(watch, event, false)) return true
    }
    return false
  }

  /** @param isFinal Whether what cannot be said counts as a no; otherwise it counts as a yes (W3). */
  #fits(watch: Watch, event: BusEvent, isFinal: boolean): boolean {
    if (!watch.types.includes(event.type)) return false
    const answer = fits(watch.descriptor, event, this.#pipeline.state)
    if (answer === false || (answer === undefined && isFinal)) return false
    if (watch.stageId === undefined) return true
    return this.#pipeline.accepts(watch.stageId, event) ?? !isFinal
  }

  #add(watch: Watch): void {
    this.#watches.set(watch.id, watch)
    this.#index.place(this)
  }

  #remove(watch: Watch): void {
    this.#watches.delete(watch.id)
    this.#index.place(this)
    this.#buffer = this.#buffer.filter((event) => this.#isWanted(event))
  }
}
