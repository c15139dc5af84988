import { describe, expect, expectTypeOf, it, vi } from 'vitest'
import { type BusEvent, type WaitResult, workflow } from 'busline'
import { openRuntime } from './open-runtime.js'

interface Shop {
  'order:placed': { orderId: string; total: number }
  'order:approved': { orderId: string; by: string }
  'order:refused': { orderId: string; reason: string }
}

const shop = {
  charge: vi.fn<(order: object, key: string) => Promise<number>>(),
  ship: vi.fn<(orderId: string) => void>(),
  refund: vi.fn<(orderId: string, paid: number, key: string) => void>(),
}

/** The example of the README, line by line. */
// prettier-ignore
const orderApproval = workflow<Shop>()('order-approval', { on: 'order:placed', key: ({ payload }) => payload.orderId })
  .step('charge', async ({ state, idempotencyKey }) => ({ paid: await shop.charge(state, idempotencyKey) }), { retry: 4 })
  .waitFor('answer', { event: ['order:approved', 'order:refused'], timeout: '7d', where: [{ field: 'orderId', op: '==', valueFrom: 'orderId' }] })
  .choose(({ answer }) => answer.kind === 'event' && answer.event.type === 'order:approved',
    (yes) => yes.step('ship', ({ state }) => shop.ship(state.orderId)),
    (no) => no.step('refund', ({ state, idempotencyKey }) => shop.refund(state.orderId, state.paid, idempotencyKey)))
  .build()

const order = { orderId: 'o1', total: 5 }
const approval = { orderId: 'o1', by: 'Ada' }

async function open() {
  for (const mock of Object.values(shop)) mock.mockReset()
  shop.charge.mockResolvedValue(5)
  const opened = openRuntime<Shop>()
  await opened.runtime.register(orderApproval)
  return opened
}

describe('order approval, as a line of eight', () => {
  it('ships an order that is approved while it waits', async () => {
    const { bus, clock, runtime } = await open()
    bus.publish('order:placed', order)
    await clock.advance('3d')
    bus.publish('order:approved', { orderId: 'another', by: 'Bob' })
    await clock.settle()
    expect(shop.ship).not.toHaveBeenCalled()
    bus.publish('order:approved', approval)
    await clock.settle()
    expect(shop.ship).toHaveBeenCalledWith('o1')
    expect(runtime.listAllRuns()).toMatchObject([
      { status: 'succeeded', state: { paid: 5, answer: { kind: 'event', event: { payload: approval } } } },
    ])
    expect(clock.pendingTimers).toBe(0)
  })

  it('ships an order that is approved before it waits, while the charge is still at work', async () => {
    const { bus, clock } = await open()
    let charged = (_paid: number) => {}
    shop.charge.mockReturnValue(new Promise<number>((resolve) => (charged = resolve)))
    bus.publish('order:placed', order)
    await clock.settle()
    bus.publish('order:approved', approval)
    await clock.settle()
    expect(shop.ship).not.toHaveBeenCalled()
    charged(5)
    await clock.settle()
    expect(shop.ship).toHaveBeenCalledTimes(1)
  })

  it('is not moved by an approval that comes after the wait', async () => {
    const { bus, clock, runtime } = await open()
    bus.publish('order:placed', order)
    await clock.advance('7d')
    bus.publish('order:approved', approval)
    await clock.settle()
    expect(shop.refund).toHaveBeenCalledTimes(1)
    expect(shop.ship).not.toHaveBeenCalled()
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'succeeded' }])
  })

  it('refunds an order that is refused, or that nobody answers for seven days', async () => {
    const refused = await open()
    refused.bus.publish('order:placed', order)
    await refused.clock.settle()
    refused.bus.publish('order:refused', { orderId: 'o1', reason: 'no stock' })
    await refused.clock.settle()
    expect(shop.refund).toHaveBeenCalledWith('o1', 5, expect.stringMatching(/refund\.1\/refund$/))

    const silent = await open()
    silent.bus.publish('order:placed', order)
    await silent.clock.advance('6d')
    expect(shop.refund).not.toHaveBeenCalled()
    await silent.clock.advance('1d')
    expect(shop.refund).toHaveBeenCalledTimes(1)
  })

  it('charges up to five times under one key, and does neither when it is aborted', async () => {
    const { bus, clock, runtime } = await open()
    shop.charge.mockRejectedValue(new Error('declined'))
    bus.publish('order:placed', order)
    await clock.settle()
    expect(shop.charge).toHaveBeenCalledTimes(5)
    expect(new Set(shop.charge.mock.calls.map(([, key]) => key)).size).toBe(1)
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'failed' }])

    const other = await open()
    other.bus.publish('order:placed', order)
    await other.clock.settle()
    await other.runtime.abort(other.runtime.listAllRuns()[0]!.runId)
    expect(shop.ship).not.toHaveBeenCalled()
    expect(shop.refund).not.toHaveBeenCalled()
  })
})

describe('the builder', () => {
  it('nests choices, and goes on together after them', async () => {
    const { runtime } = openRuntime<{ start: { n: number } }>()
    const built = workflow<{ start: { n: number } }>()('nested', { on: 'start' })
      .choose(
        ({ n }) => n > 0,
        (yes) =>
          yes.choose(
            ({ n }) => n > 10,
            (big) => big.step('big', () => ({ size: 'big' })),
            (small) => small.step('small', () => ({ size: 'small' })),
          ),
      )
      .step('after', () => ({ done: true }))
      .build()
    await runtime.register(built)
    const size = async (n: number) => {
      const result = await runtime.invoke('nested', 'start', { n })
      return result.ok && result.value.state
    }
    expect(await size(11)).toEqual({ n: 11, size: 'big', done: true })
    expect(await size(1)).toEqual({ n: 1, size: 'small', done: true })
    expect(await size(-1)).toEqual({ n: -1, done: true })
  })

  it('works on items side by side, each with waits of its own', async () => {
    interface Events {
      start: { names: readonly string[] }
      said: { name: string; word: string }
    }
    const { runtime, bus, clock } = openRuntime<Events>()
    const built = workflow<Events>()('all', { on: 'start' })
      .forEach(
        'people',
        ({ names }) => names,
        (each) =>
          each.waitFor('word', {
            event: 'said',
            where: [{ field: 'name', op: '==', valueFrom: 'item' }],
            timeout: '1h',
          }),
      )
      .build()
    await runtime.register(built)
    bus.publish('start', { names: ['a', 'b'] })
    await clock.settle()
    bus.publish('said', { name: 'b', word: 'hello' })
    await clock.settle()
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'paused' }])
    await clock.advance('1h')
    expect(runtime.listAllRuns()).toMatchObject([
      {
        status: 'succeeded',
        state: { people: [{ word: { kind: 'timeout' } }, { word: { kind: 'event' } }] },
      },
    ])
  })

  it('refuses two steps of one name when it is registered', async () => {
    const { runtime } = openRuntime()
    const built = workflow()('twice', { on: 'x' })
      .step('a', () => {})
      .step('a', () => {})
      .build()
    await expect(runtime.register(built)).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  it('learns its events from the bus it is given', async () => {
    const { bus, runtime } = openRuntime<Shop>()
    const built = workflow('from-bus', { bus, on: 'order:placed' })
      .step('read', ({ event }) => ({ twice: event.payload.total * 2 }))
      .build()
    await runtime.register(built)
    expect(await runtime.invoke('from-bus', 'order:placed', order)).toMatchObject({
      value: { state: { twice: 10 } },
    })
  })
})

describe('types of the builder', () => {
  it('follow the state through the chain, and refuse what cannot be', () => {
    const begin = workflow<Shop>()('types', { on: 'order:placed' })
    begin.step('a', ({ state, event }) => {
      expectTypeOf(state.total).toEqualTypeOf<number>()
      expectTypeOf(event).toEqualTypeOf<BusEvent<'order:placed', Shop['order:placed']>>()
      // @ts-expect-error: no such field
      void state.totl
    })
    begin
      .step('a', () => ({ paid: 1 }))
      .step('b', async ({ state, publish }) => {
        expectTypeOf(state.paid).toEqualTypeOf<number>()
        publish('order:approved', { orderId: state.orderId, by: 'x' })
        // @ts-expect-error: a wrong payload
        publish('order:approved', { orderId: 1 })
        // @ts-expect-error: a misspelt event
        publish('order:aproved', {})
        return { when: 'now' }
      })
      .step('c', ({ state }) => {
        expectTypeOf(state.when).toEqualTypeOf<string>()
      })
    // @ts-expect-error: a misspelt event
    workflow<Shop>()('types', { on: 'order:plced' })
    // @ts-expect-error: a number is no patch
    begin.step('a', () => 42)
    // @ts-expect-error: a misspelt event
    begin.waitFor('w', { event: 'order:aproved', timeout: 1 })
    // @ts-expect-error: a wait says how long
    begin.waitFor('w', { event: 'order:approved' })
    begin.waitFor('w', {
      event: 'order:approved',
      timeout: Infinity,
      // @ts-expect-error: no such field of the payload
      where: ({ payload }) => payload.orderid === '',
    })
  })

  it('do not let a refusal pass for an approval, nor a timeout be forgotten', () => {
    type Answer = WaitResult<Shop, 'order:approved' | 'order:refused'>
    expectTypeOf<Answer['kind']>().toEqualTypeOf<'manual' | 'event' | 'timeout'>()
    const read = (answer: Answer) => {
      // @ts-expect-error: it may have been a timeout
      void answer.event
      if (answer.kind !== 'event') return
      // @ts-expect-error: it may have been a refusal
      void answer.event.payload.by
      if (answer.event.type === 'order:approved')
        expectTypeOf(answer.event.payload.by).toEqualTypeOf<string>()
    }
    read({ kind: 'timeout' })
  })
})
