import { describe, expect, it } from 'vitest'
import { type BusEvent, type WatchDescriptor, createEventBus } from 'busline'
import { createWatch } from '../../../src/runtime/waiting/watch.js'
import { type InboxPlace, WatchIndex } from '../../../src/runtime/waiting/watch-index.js'

/** An inbox that only counts what it is given. */
class CountingPlace implements InboxPlace {
  readonly received: BusEvent[] = []
  descriptors: readonly WatchDescriptor[]
  state: Record<string, unknown>
  isParked = true

  constructor(descriptors: readonly WatchDescriptor[], state: Record<string, unknown> = {}) {
    this.descriptors = descriptors
    this.state = state
  }
  get watches() {
    return this.descriptors.map((descriptor, index) => createWatch(`w${index}`, 'step', descriptor))
  }
  receive(event: BusEvent): void {
    this.received.push(event)
  }
}

const approvedById: WatchDescriptor = {
  event: 'approved',
  conditions: [{ field: 'order.id', op: '==', valueFrom: 'id' }],
}

function openIndex() {
  const bus = createEventBus()
  return { bus, index: new WatchIndex(bus) }
}

describe('WatchIndex', () => {
  it('subscribes to a type once, and lets go of it when nobody waits for it any more', () => {
    const { bus, index } = openIndex()
    const one = new CountingPlace([{ event: 'a' }])
    const two = new CountingPlace([{ events: ['a', 'b'] }])
    index.place(one)
    index.place(two)
    bus.publish('a', {})
    expect([one.received.length, two.received.length]).toEqual([1, 1])
    two.descriptors = [{ event: 'a' }]
    index.place(two)
    expect([bus.hasSubscribers('a'), bus.hasSubscribers('b')]).toEqual([true, false])
    one.descriptors = two.descriptors = []
    index.place(one)
    expect(bus.hasSubscribers('a')).toBe(true)
    index.place(two)
    expect(bus.hasSubscribers('a')).toBe(false)
  })

  it('gives an event to the one of 10 000 parked inboxes that waits for its value', () => {
    const { bus, index } = openIndex()
    const places = Array.from({ length: 10_000 }, (_, id) => new CountingPlace([approvedById], { id }))
    for (const place of places) index.place(place)
    bus.publish('approved', { order: { id: 4321 } })
    bus.publish('approved', { order: { id: 10_001 } })
    bus.publish('approved', {})
    expect(places.flatMap(({ received }, id) => received.map(() => id))).toEqual([4321])
  })

  it('looks a constant up at any time, and a value of the state only while it stands still', () => {
    const { bus, index } = openIndex()
    const constant = new CountingPlace([{ event: 'a', conditions: [{ field: 'n', op: '==', value: 1 }] }])
    const fromState = new CountingPlace(
      [{ event: 'a', conditions: [{ field: 'n', op: '==', valueFrom: 'n' }] }],
      { n: 1 },
    )
    constant.isParked = fromState.isParked = false
    index.place(constant)
    index.place(fromState)
    bus.publish('a', { n: 2 })
    expect([constant.received.length, fromState.received.length]).toEqual([0, 1])
    fromState.isParked = true
    index.place(fromState)
    bus.publish('a', { n: 2 })
    expect(fromState.received).toHaveLength(1)
    fromState.state = { n: 2 }
    index.place(fromState)
    bus.publish('a', { n: 2 })
    bus.publish('a', { n: 1 })
    expect(fromState.received.map(({ payload }) => payload)).toEqual([{ n: 2 }, { n: 2 }])
  })

  it('gives all events of a type to an inbox of which one watch compares with nothing, once each', () => {
    const { bus, index } = openIndex()
    const place = new CountingPlace([approvedById, { event: 'approved' }], { id: 1 })
    index.place(place)
    bus.publish('approved', { order: { id: 1 } })
    bus.publish('approved', { order: { id: 2 } })
    expect(place.received).toHaveLength(2)
  })

  it('gives an event once to an inbox that two watches lead to', () => {
    const { bus, index } = openIndex()
    const byKey = { event: 'a', conditions: [{ field: 'key', op: '==', value: 'k' }] } as const
    const byNumber = { event: 'a', conditions: [{ field: 'n', op: '==', value: 1 }] } as const
    const place = new CountingPlace([byKey, byNumber])
    index.place(place)
    for (const payload of [{ key: 'k', n: 1 }, { key: 'k' }, { n: 1 }, { n: 2 }]) bus.publish('a', payload)
    expect(place.received.map(({ payload }) => payload)).toEqual([{ key: 'k', n: 1 }, { key: 'k' }, { n: 1 }])
  })

  it.each<[unknown, unknown]>([
    [0, -0],
    [-0, 0],
    [null, null],
    ['', ''],
    [false, false],
  ])('finds who waits for %j by %j', (wanted, given) => {
    const { bus, index } = openIndex()
    const place = new CountingPlace([approvedById], { id: wanted })
    index.place(place)
    bus.publish('approved', { order: { id: given } })
    expect(place.received).toHaveLength(1)
  })

  it('keeps an inbox whose value changes from 0 to -0', () => {
    const { bus, index } = openIndex()
    const place = new CountingPlace([approvedById], { id: 0 })
    index.place(place)
    place.state = { id: -0 }
    index.place(place)
    bus.publish('approved', { order: { id: 0 } })
    expect(place.received).toHaveLength(1)
  })

  it.each([[NaN], [{}], [[1]], [undefined]])(
    'does not look up by %j, which equals nothing or could change',
    (id) => {
      const { bus, index } = openIndex()
      const place = new CountingPlace([approvedById], id === undefined ? {} : { id })
      index.place(place)
      bus.publish('approved', { order: { id: 1 } })
      expect(place.received).toHaveLength(1)
    },
  )

  it('lets go of everything when it is closed', () => {
    const { bus, index } = openIndex()
    index.place(new CountingPlace([{ events: ['a', 'b'] }]))
    index.place(new CountingPlace([approvedById], { id: 1 }))
    index.close()
    expect(['a', 'b', 'approved'].map((type) => bus.hasSubscribers(type))).toEqual([false, false, false])
  })
})
