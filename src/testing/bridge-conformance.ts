import type { BusEvent } from '../core/bus-event.js'
import type { BridgeConnection, BridgeOptions, BusBridge } from '../bus/bus-bridge.js'
import { createEventBus } from '../bus/create-event-bus.js'
import type { EventBus, EventSchemas } from '../bus/event-bus.js'
import type { BusFault } from '../bus/system-events.js'

/** A fresh medium which no other case uses: a channel name, a topic, a stretch of cable. */
export interface BridgeNetwork {
  /** One more place on the network. */
  readonly createBridge: () => BusBridge
  /** Puts a raw message on the wire, as a peer gone wrong would. */
  readonly inject: (message: unknown) => void | Promise<void>
  readonly close?: () => void | Promise<void>
}

export interface BridgeConformanceOptions {
  readonly openNetwork: () => BridgeNetwork | Promise<BridgeNetwork>
}

/** One rule of a seam: `run` rejects when it does not hold. */
export interface BridgeConformanceCase {
  readonly title: string
  readonly run: () => Promise<void>
}

interface End {
  readonly bus: EventBus
  /** What was delivered there, except what the cases themselves use to wait. */
  readonly events: BusEvent[]
  readonly faults: BusFault[]
  /** One per network it is on. */
  readonly connections: BridgeConnection[]
}

/** How long an event may be on its way. */
const PATIENCE = '5s'
const MARKER = 'conformance:marker'

/**
 * The rules that every {@link BusBridge} keeps, for any test runner:
 * `for (const { title, run } of bridgeConformance({ openNetwork })) it(title, run)`.
 */
export function bridgeConformance({
  openNetwork,
}: BridgeConformanceOptions): readonly BridgeConformanceCase[] {
  const cases: BridgeConformanceCase[] = []

  /** Each case has its networks and ends, which are closed however it went. */
  function rule(title: string, check: (lab: Lab) => Promise<void>): void {
    cases.push({
      title,
      run: async () => {
        const lab = new Lab(openNetwork)
        try {
          await check(lab)
        } finally {
          await lab.close()
        }
      },
    })
  }

  rule('carries an event to every other bus as the same envelope', async (lab) => {
    const [first, second, third] = await lab.connect(await lab.network(), 3)
    const sent = first!.bus.publish(
      'order:placed',
      { total: 3, lines: ['a'] },
      { source: 'shop', correlationId: 'c', causationId: 'd', key: 'k', timestamp: 1_700_000_000_123 },
    )
    await lab.flush(first!)
    for (const end of [second!, third!]) same(end.events, [sent], 'what arrived')
  })

  rule('delivers in the order of publishing', async (lab) => {
    const [first, second] = await lab.connect(await lab.network(), 2)
    for (let n = 0; n < 500; n++) first!.bus.publish(n % 3 === 0 ? 'a' : 'b', n)
    await lab.flush(first!)
    same(
      second!.events.map(({ payload }) => payload),
      Array.from({ length: 500 }, (_, n) => n),
      'the order of arrival',
    )
  })

  rule('does not bring an event back to where it was published', async (lab) => {
    const [first, second, third] = await lab.connect(await lab.network(), 3)
    first!.bus.publish('a', 1)
    await lab.flush(first!)
    await lab.flush(second!)
    await lab.flush(third!)
    for (const end of [first!, second!, third!]) same(end.events.length, 1, 'the number of deliveries')
  })

  rule('delivers once over a ring of networks', async (lab) => {
    const ends = [lab.place(), lab.place(), lab.place()]
    for (const [index, end] of ends.entries()) {
      const network = await lab.network()
      await lab.join(network, end)
      await lab.join(network, ends[(index + 1) % 3]!)
    }
    for (const [index, { bus }] of ends.entries()) bus.publish('a', index)
    // An event on the long way round is one network behind a marker on the short one: each lap lets it catch up.
    for (let lap = 0; lap < 3; lap++) for (const end of ends) await lab.flush(end)
    for (const { events } of ends) same(events.map(payloadOf).sort(), [0, 1, 2], 'what was delivered')
  })

  rule('takes the same id once, whoever sends it again', async (lab) => {
    const [first, second, third] = await lab.connect(await lab.network(), 3)
    const event = first!.bus.publish('a', 1)
    await lab.flush(first!)
    first!.bus.dispatch(event)
    await lab.flush(first!)
    same(second!.events.length, 1, 'deliveries at the second bus')
    same(third!.events.length, 1, 'deliveries at the third bus')
  })

  rule('carries the chosen types only, in both directions', async (lab) => {
    const network = await lab.network()
    const all = await lab.join(network, lab.place())
    const some = await lab.join(network, lab.place(), { types: ['a', MARKER] })
    all.bus.publish('a', 1)
    all.bus.publish('b', 2)
    await lab.flush(all)
    some.bus.publish('b', 3)
    some.bus.publish('a', 4)
    await lab.flush(some)
    same(some.events.map(payloadOf), [1, 3, 4], 'what the choosy end saw')
    same(all.events.map(payloadOf), [1, 2, 4], 'what the other end saw')
  })

  rule('reports malformed messages, throws nothing and goes on', async (lab) => {
    const network = await lab.network()
    const [first, second] = await lab.connect(network, 2)
    const malformed = [null, 'text', 42, [], {}, { busline: 1 }, { busline: 1, event: { id: '', type: '*' } }]
    for (const message of malformed) await network.inject(message)
    first!.bus.publish('a', 1)
    await lab.flush(first!)
    await lab.until(second!, ({ faults }) => faults.length >= malformed.length)
    same(second!.faults.length, malformed.length, 'the number of reports')
    same(
      second!.faults.every(({ during, error }) => during === 'bridge' && error.code === 'VALIDATION'),
      true,
      'reports with VALIDATION during "bridge"',
    )
    same(second!.events.map(payloadOf), [1], 'what was delivered')
  })

  rule('keeps bus:error where it is', async (lab) => {
    const [first, second] = await lab.connect(await lab.network(), 2)
    first!.bus.subscribe('a', () => {
      throw new Error('told at home')
    })
    first!.bus.publish('a', 1)
    await lab.flush(first!)
    same(first!.faults.length, 1, 'reports at home')
    same(second!.faults.length, 0, 'reports elsewhere')
  })

  rule('reports a payload that the schema of the other bus refuses', async (lab) => {
    const network = await lab.network()
    const first = await lab.join(network, lab.place())
    const never = {
      version: 1,
      vendor: 'busline',
      validate: () => ({ issues: [{ message: 'never' }] }),
    } as const
    const strict = await lab.join(network, lab.place({ a: { '~standard': never } }))
    first.bus.publish('a', 1)
    first.bus.publish('b', 2)
    await lab.flush(first)
    same(strict.events.map(payloadOf), [2], 'what was delivered')
    same(strict.faults.length, 1, 'the number of reports')
    same(strict.faults[0]!.event?.type, 'a', 'the event of the report')
  })

  rule('carries nothing once a connection is closed, and can be connected anew', async (lab) => {
    const network = await lab.network()
    const [first, second, third] = await lab.connect(network, 3)
    await second!.connections[0]!.close()
    await second!.connections[0]!.close()
    first!.bus.publish('a', 1)
    second!.bus.publish('a', 2)
    await lab.flush(first!, [third!])
    same(second!.events.map(payloadOf), [2], 'what the closed end saw')
    same(third!.events.map(payloadOf), [1], 'what the open end saw')
    await lab.join(network, second!)
    first!.bus.publish('a', 3)
    await lab.flush(first!)
    same(second!.events.map(payloadOf), [2, 3], 'what the end saw that was connected anew')
  })

  rule('lets what was published before close arrive', async (lab) => {
    const [first, second] = await lab.connect(await lab.network(), 2)
    first!.bus.publish('a', 1)
    await first!.connections[0]!.close()
    await lab.until(second!, ({ events }) => events.length === 1)
  })

  rule('survives the bus being closed before the connection', async (lab) => {
    const [first, second, third] = await lab.connect(await lab.network(), 3)
    second!.bus.close()
    first!.bus.publish('a', 1)
    first!.bus.publish('a', 2)
    await lab.flush(first!, [third!])
    same(third!.events.map(payloadOf), [1, 2], 'what arrived at the bus that is open')
  })

  return cases
}

/** What one case has opened. */
class Lab {
  readonly #openNetwork: BridgeConformanceOptions['openNetwork']
  readonly #networks: BridgeNetwork[] = []
  readonly #ends: End[] = []
  #flushes = 0

  constructor(openNetwork: BridgeConformanceOptions['openNetwork']) {
    this.#openNetwork = openNetwork
  }

  async network(): Promise<BridgeNetwork> {
    const network = await this.#openNetwork()
    this.#networks.push(network)
    return network
  }

  /** A bus and the record of what is delivered there, on no network yet. */
  place(schemas: EventSchemas<Record<string, unknown>> = {}): End {
    const end: End = {
      bus: createEventBus({ schemas, onError: () => {} }),
      events: [],
      faults: [],
      connections: [],
    }
    end.bus.subscribe('*', (event) => {
      if (event.type === 'bus:error') end.faults.push(event.payload as BusFault)
      else if (event.type !== MARKER) end.events.push(event)
    })
    this.#ends.push(end)
    return end
  }

  async join(network: BridgeNetwork, end: End, options?: BridgeOptions): Promise<End> {
    end.connections.push(await network.createBridge().connect(end.bus, options))
    return end
  }

  async connect(network: BridgeNetwork, count: number): Promise<readonly End[]> {
    const ends: End[] = []
    while (ends.length < count) ends.push(await this.join(network, this.place()))
    return ends
  }

  /** Resolves when everything that `from` has published is where it goes: a later event of it has arrived. */
  async flush(from: End, to: readonly End[] = this.#ends.filter((end) => end !== from)): Promise<void> {
    const round = ++this.#flushes
    const when = ({ payload }: BusEvent) => payload === round
    const arrivals = to.map(({ bus }) => bus.waitFor(MARKER, { when, timeout: PATIENCE }))
    from.bus.publish(MARKER, round)
    await Promise.all(arrivals)
  }

  /** Resolves when `isDone` holds after a delivery at `end`. */
  async until(end: End, isDone: (end: End) => boolean): Promise<void> {
    if (!isDone(end)) await end.bus.waitFor('*', { when: () => isDone(end), timeout: PATIENCE })
  }

  async close(): Promise<void> {
    for (const { connections, bus } of this.#ends) {
      for (const connection of connections) await connection.close()
      bus.close()
    }
    for (const network of this.#networks) await network.close?.()
  }
}

function payloadOf({ payload }: BusEvent): unknown {
  return payload
}

function same(actual: unknown, expected: unknown, what: string): void {
  const [seen, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (seen !== wanted) throw new Error(`The bridge breaks a rule: ${what} must be ${wanted}: it is ${seen}`)
}
