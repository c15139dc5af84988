import { describe, expect, expectTypeOf, it } from 'vitest'
import * as z from 'zod/mini'
import { type AnyEventBus, type BusEvent, type BusFault, type EventBus, createEventBus } from 'busline'

interface ShopEvents {
  'order:placed': { orderId: string; total: number }
  'order:paid': { orderId: string }
}

/** What must not compile stands in functions that are never called: `tsc` checks them, nothing runs. */
const unused = (..._checks: (() => unknown)[]) => {}

describe('EventBus<Events>', () => {
  it('types what publish takes and what handlers get', () => {
    const bus = createEventBus<ShopEvents>()
    bus.subscribe('order:paid', (event) => {
      expectTypeOf(event).toEqualTypeOf<BusEvent<'order:paid', { orderId: string }>>()
    })
    bus.subscribe('bus:error', ({ payload }) => expectTypeOf(payload).toEqualTypeOf<BusFault>())
    bus.subscribe('*', (event) => {
      if (event.type === 'order:placed') expectTypeOf(event.payload.total).toEqualTypeOf<number>()
      else if (event.type === 'order:paid') expectTypeOf(event.payload).toEqualTypeOf<{ orderId: string }>()
      else if (event.type === 'bus:error') expectTypeOf(event.payload).toEqualTypeOf<BusFault>()
    })
    const event = bus.publish('order:placed', { orderId: '1', total: 1 })
    expectTypeOf(event.payload).toEqualTypeOf<{ orderId: string; total: number }>()
    expectTypeOf(bus.createEvent('order:paid', { orderId: '1' }).type).toEqualTypeOf<'order:paid'>()
    const wait = () => bus.waitFor('order:paid')
    expectTypeOf(wait).returns.resolves.toEqualTypeOf<BusEvent<'order:paid', { orderId: string }>>()
    expect(event.type).toBe('order:placed')
  })

  it('refuses misspelt types and wrong payloads', () => {
    const bus = createEventBus<ShopEvents>()
    unused(
      // @ts-expect-error -- misspelt
      () => bus.publish('order:place', { orderId: '1', total: 1 }),
      // @ts-expect-error -- a field is missing
      () => bus.publish('order:placed', { orderId: '1' }),
      // @ts-expect-error -- a field has the wrong type
      () => bus.publish('order:placed', { orderId: 1, total: 1 }),
      // @ts-expect-error -- a field too many
      () => bus.publish('order:paid', { orderId: '1', total: 1 }),
      // @ts-expect-error -- the payload of another type
      () => bus.createEvent('order:placed', { orderId: '1' }),
      // @ts-expect-error -- misspelt
      () => bus.createEvent('order:plcaed', { orderId: '1', total: 1 }),
      // @ts-expect-error -- "*" is for subscribers
      () => bus.publish('*', { orderId: '1' }),
      // @ts-expect-error -- misspelt
      () => bus.subscribe('order:payed', () => {}),
      // @ts-expect-error -- misspelt
      () => bus.once('order:payed', () => {}),
      // @ts-expect-error -- misspelt
      () => bus.waitFor('order:payed'),
      // @ts-expect-error -- no such field
      () => bus.subscribe('order:paid', ({ payload }) => payload.total),
      // @ts-expect-error -- no such field
      () => bus.waitFor('order:paid', { when: ({ payload }) => payload.total > 1 }),
      // @ts-expect-error -- "id" is a string
      () => bus.publish('order:paid', { orderId: '1' }, { id: 1 }),
      // @ts-expect-error -- an envelope does not change
      () => bus.subscribe('order:paid', (event) => (event.key = 'x')),
    )
  })

  it('refuses schemas that make something else than the payload', () => {
    const right = z.object({ orderId: z.string() })
    const wrong = z.object({ orderId: z.number() })
    createEventBus<ShopEvents>({ schemas: { 'order:paid': right } })
    unused(
      // @ts-expect-error -- orderId is a string
      () => createEventBus<ShopEvents>({ schemas: { 'order:paid': wrong } }),
      // @ts-expect-error -- misspelt
      () => createEventBus<ShopEvents>({ schemas: { 'order:payed': right } }),
    )
    expect(() => createEventBus<ShopEvents>({ schemas: { 'order:paid': wrong as never } })).not.toThrow()
  })

  it('is a bus of any events for parts that work on every bus', () => {
    const bus: EventBus<ShopEvents> = createEventBus<ShopEvents>()
    const any: AnyEventBus = bus
    expectTypeOf(bus).toExtend<AnyEventBus>()
    expect(any.publish('made-up', 1).payload).toBe(1)
  })

  it('takes any type and payload without a map', () => {
    const bus = createEventBus()
    expectTypeOf(bus.publish('anything', 1).payload).toEqualTypeOf<unknown>()
    expect(bus.publish('anything', 1).type).toBe('anything')
  })
})
