import { EventEmitter } from 'node:events'
import type { SimulatedClock } from 'busline/testing'
import type { WebSocketLike } from '../../../src/remote/client/worker-socket.js'

/** How long each frame takes, which come twice, and how late each side notices a cut; round and round. */
export interface Weather {
  readonly delays: readonly number[]
  readonly isTwice: readonly boolean[]
  readonly notices: readonly number[]
}

type Item = { readonly text: string } | { readonly code: number; readonly reason: string } | 'ping' | 'pong'

const CUT = 1006

/** One way of a connection: in order, in simulated time. */
class Lane {
  #due = 0
  readonly #clock: SimulatedClock
  readonly #next: () => number
  readonly #deliver: (item: Item) => void
  isCut = false

  constructor(clock: SimulatedClock, next: () => number, deliver: (item: Item) => void) {
    this.#clock = clock
    this.#next = next
    this.#deliver = deliver
  }

  put(item: Item): void {
    const now = this.#clock.now()
    this.#due = Math.max(this.#due, now + this.#next())
    this.#clock.setTimeout(() => {
      if (!this.isCut) this.#deliver(item)
    }, this.#due - now)
  }
}

/** The server's end, as far as it uses `ws`. */
export class FarSocket extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  readonly bufferedAmount = 0
  readonly #wire: Wire

  constructor(wire: Wire) {
    super()
    this.#wire = wire
  }

  send(text: string): void {
    if (this.readyState === 1) this.#wire.toNear({ text })
  }
  ping(): void {
    this.#wire.toNear('ping')
  }
  pause(): void {}
  resume(): void {}
  close(code: number, reason: string): void {
    if (this.readyState > 1) return
    this.readyState = 2
    this.#wire.toNear({ code, reason })
  }
  terminate(): void {
    this.#wire.cut()
  }
  ended(code: number): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.emit('close', code)
  }
}

/** The worker's end: what of the standard it uses. */
export class NearSocket implements WebSocketLike {
  readyState = 0
  readonly #events = new EventEmitter()
  readonly #wire: Wire

  constructor(wire: Wire) {
    this.#wire = wire
  }

  addEventListener(type: string, listener: (event: object) => void): void {
    this.#events.on(type, listener)
  }
  send(text: string): void {
    if (this.readyState === 1) this.#wire.toFar({ text })
  }
  close(code = 1005, reason = ''): void {
    if (this.readyState > 1) return
    // Before it is open there is nobody to tell.
    if (this.readyState === 0) return this.#wire.cut()
    this.readyState = 2
    this.#wire.toFar({ code, reason })
  }
  opened(): void {
    if (this.readyState !== 0) return
    this.readyState = 1
    this.#events.emit('open', {})
  }
  receive(data: string): void {
    if (this.readyState !== 3) this.#events.emit('message', { data })
  }
  ended(code: number, reason: string): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.#events.emit('close', { code, reason })
  }
}

/** A connection that may be slow, repeat frames, and be cut so that each side notices in its own time. */
export class Wire {
  readonly near = new NearSocket(this)
  readonly far = new FarSocket(this)
  readonly #clock: SimulatedClock
  readonly #weather: Weather
  readonly #lanes: readonly [toNear: Lane, toFar: Lane]
  readonly #take: <Value>(values: readonly Value[]) => Value
  #isCut = false

  /** @param accept Hands the far end to the server; `false` when there is none. */
  constructor(
    clock: SimulatedClock,
    weather: Weather,
    take: <Value>(values: readonly Value[]) => Value,
    accept: (far: FarSocket) => boolean,
  ) {
    this.#clock = clock
    this.#weather = weather
    this.#take = take
    const delay = () => take(weather.delays)
    this.#lanes = [
      new Lane(clock, delay, (item) => this.#atNear(item)),
      new Lane(clock, delay, (item) => this.#atFar(item)),
    ]
    clock.setTimeout(() => {
      if (this.#isCut) return
      if (!accept(this.far)) return this.near.ended(CUT, '')
      this.near.opened()
    }, delay())
  }

  get isOver(): boolean {
    return this.near.readyState === 3 && this.far.readyState === 3
  }

  toNear(item: Item): void {
    this.#put(this.#lanes[0], item)
  }

  toFar(item: Item): void {
    this.#put(this.#lanes[1], item)
  }

  /** What is under way is lost. */
  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    for (const lane of this.#lanes) lane.isCut = true
    const { notices } = this.#weather
    this.#clock.setTimeout(() => this.near.ended(CUT, ''), this.#take(notices))
    this.#clock.setTimeout(() => this.far.ended(CUT), this.#take(notices))
  }

  #put(lane: Lane, item: Item): void {
    lane.put(item)
    if (typeof item === 'object' && 'text' in item && this.#take(this.#weather.isTwice)) lane.put(item)
  }

  #atNear(item: Item): void {
    if (item === 'ping') return this.toFar('pong')
    if (item === 'pong') return
    if ('text' in item) return this.near.receive(item.text)
    // The answer to a closing closes both; the first to close waits for it.
    if (this.near.readyState < 2) this.toFar(item)
    this.near.ended(item.code, item.reason)
  }

  #atFar(item: Item): void {
    if (item === 'ping') return
    if (item === 'pong') return void this.far.emit('pong')
    if ('text' in item)
      return void (this.far.readyState < 3 && this.far.emit('message', Buffer.from(item.text), false))
    if (this.far.readyState < 2) this.toNear(item)
    this.far.ended(item.code)
  }
}
