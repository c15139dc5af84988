import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type AnyEventBus, createEventBus } from 'busline'
import { sequentialIds, simulatedClock } from 'busline/testing'
import { type BridgeLink, type BridgeMessage, linkBridge } from '../../src/bus/bridge-link.js'

const PLACES = 3
const TYPES = ['a', 'b']

/** What can happen; nobody waits for what it comes to. */
type Command =
  | {
      readonly do: 'publish'
      readonly at: number
      readonly type: string
      readonly then: 'nothing' | 'answer' | 'throw'
    }
  | {
      readonly do: 'wait'
      readonly at: number
      readonly type: string
      readonly timeout: number
      readonly abortAfter: number
    }
  | { readonly do: 'unlink' | 'close'; readonly at: number }
  | { readonly do: 'pass'; readonly ms: number }

const at = fc.nat(PLACES - 1)
const type = fc.constantFrom(...TYPES)
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      at,
      type,
      then: fc.constantFrom('nothing' as const, 'answer' as const, 'throw' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      at,
      type,
      timeout: fc.constantFrom(0, 2, 4, Infinity),
      abortAfter: fc.constantFrom(0, 2, 4, Infinity),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('unlink' as const, 'close' as const), at }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 2, 4) }) },
)
const stream = fc.record({
  /** What becomes of each message, round and round. */
  fates: fc.array(
    fc.record({
      does: fc.constantFrom('arrive', 'arrive', 'arrive', 'twice', 'lost', 'refused', 'half'),
      ms: fc.constantFrom(0, 2, 4),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  commands: fc.array(command, { minLength: 2, maxLength: 25, size: 'max' }),
})
type Stream = typeof stream extends fc.Arbitrary<infer Each> ? Each : never

class Places {
  readonly clock = simulatedClock()
  readonly faults: string[] = []
  readonly #ids = sequentialIds()
  readonly #fates: Stream['fates']
  readonly #buses: AnyEventBus[] = []
  readonly #links: (BridgeLink | undefined)[] = []
  readonly #heard = new Map<string, Set<string>>()
  readonly #closed = new Set<number>()
  readonly #signals: AbortSignal[] = []
  #sent = 0
  #waits = 0

  constructor(fates: Stream['fates']) {
    this.#fates = fates
    for (let place = 0; place < PLACES; place++) {
      const bus: AnyEventBus = createEventBus({ clock: this.clock, ids: this.#ids, onError: () => {} })
      this.#buses.push(bus)
      bus.subscribe('*', ({ id, type: kind, source, payload }) => {
        const heard = this.#heard.get(`${place}`) ?? new Set()
        this.#heard.set(`${place}`, heard)
        if (heard.has(id)) this.faults.push(`Place ${place} heard ${id} twice`)
        heard.add(id)
        if (kind === 'bus:error' && source !== undefined && source !== `${place}`)
          this.faults.push('A fault left its place')
        if (payload === 'throw') throw new Error('It fails')
        if (payload === 'answer') bus.publish('b', 'nothing', { source: `${place}` })
      })
      this.#link(place)
    }
  }

  #link(place: number): void {
    this.#links[place] = linkBridge(this.#buses[place]!, {
      send: (message) => this.#send(place, message),
      onBusClosed: () => (this.#links[place] = undefined),
    })
  }

  unlink(place: number): void {
    const link = this.#links[place]
    this.#links[place] = undefined
    link?.close()
  }

  close(place: number): void {
    this.#closed.add(place)
    this.#buses[place]!.close()
  }

  publish(place: number, kind: string, payload: string): void {
    if (this.#closed.has(place)) return
    this.#buses[place]!.publish(kind, payload, { source: `${place}` })
  }

  wait(place: number, kind: string, timeout: number, abortAfter: number): void {
    const controller = new AbortController()
    const { signal } = controller
    this.#signals.push(signal)
    const since = this.clock.now()
    this.#waits++
    let isAborted = false
    const done = this.#buses[place]!.waitFor(kind, { timeout, signal })
    if (abortAfter !== Infinity) {
      this.clock.setTimeout(() => {
        isAborted = true
        controller.abort()
      }, abortAfter)
    }
    const settled = (how: string) => {
      this.#waits--
      const after = this.clock.now() - since
      if (after > Math.min(timeout, abortAfter)) this.faults.push(`A wait came to ${how} after ${after} ms`)
      if (how === 'TIMEOUT' && after !== timeout) this.faults.push(`A timeout came after ${after} ms`)
      if (how === 'ABORTED' && !isAborted && !this.#closed.has(place))
        this.faults.push('A wait was given up for nothing')
    }
    done.then(
      ({ type: came }) => settled(came === kind ? 'event' : 'another event'),
      ({ code }: { code: string }) => settled(code),
    )
  }

  async rest(): Promise<void> {
    await this.clock.advance('1s')
    for (let place = 0; place < PLACES; place++) {
      this.unlink(place)
      this.close(place)
    }
    await this.clock.settle()
    if (this.#waits > 0) this.faults.push(`${this.#waits} waits never settled`)
    if (this.clock.pendingTimers > 0) this.faults.push(`${this.clock.pendingTimers} timers are left`)
    for (const signal of this.#signals) {
      if (getEventListeners(signal, 'abort').length > 0) this.faults.push('A listener is left on a signal')
    }
    for (const bus of this.#buses) {
      if (TYPES.some((kind) => bus.hasSubscribers(kind))) this.faults.push('A subscription is left')
    }
  }

  /** Without anything that goes wrong, everybody hears everything. */
  checkComplete(): void {
    const counts = new Set(
      Array.from({ length: PLACES }, (_, place) => this.#heard.get(`${place}`)?.size ?? 0),
    )
    if (counts.size > 1) this.faults.push(`Some heard less: ${[...counts].join()}`)
  }

  #send(from: number, message: BridgeMessage): unknown {
    if (!this.#links[from] && this.#links.length > from) this.faults.push('Something was sent after close()')
    const { does, ms } = this.#fates[this.#sent++ % this.#fates.length]!
    if (message.event.type === 'bus:error') this.faults.push('A fault was sent')
    if (does === 'lost') return undefined
    if (does === 'refused') return Promise.reject(new Error('Nobody is there'))
    const text = JSON.stringify(message)
    const arriving: unknown = does === 'half' ? text.slice(0, text.length / 2) : JSON.parse(text)
    for (let times = does === 'twice' ? 2 : 1; times > 0; times--) {
      // To all, as a channel that echoes.
      this.clock.setTimeout(() => {
        for (const link of [...this.#links]) link?.receive(arriving)
      }, ms * times)
    }
    return undefined
  }
}

it('over a bridge that loses, repeats, reorders and closes: nothing is heard twice, every wait ends in time, nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(stream, async ({ fates, commands }) => {
      const places = new Places(fates)
      for (const each of commands) {
        if (each.do === 'pass') await places.clock.advance(each.ms)
        else if (each.do === 'publish') places.publish(each.at, each.type, each.then)
        else if (each.do === 'wait') places.wait(each.at, each.type, each.timeout, each.abortAfter)
        else places[each.do](each.at)
      }
      await places.rest()
      const isWhole =
        fates.every(({ does }) => does === 'arrive' || does === 'twice') &&
        commands.every(
          (each) =>
            !['unlink', 'close'].includes(each.do) && (each.do !== 'publish' || each.then !== 'throw'),
        )
      if (isWhole) places.checkComplete()
      expect(places.faults).toEqual([])
    }),
    { numRuns: 200 },
  )
})
