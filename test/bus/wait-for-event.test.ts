import { describe, expect, it, vi } from 'vitest'
import { createEventBus } from 'busline'
import { simulatedClock } from 'busline/testing'

function setUp() {
  const clock = simulatedClock()
  return { clock, bus: createEventBus<{ a: number; b: string }>({ clock }) }
}

describe('EventBus.waitFor()', () => {
  it('resolves to the next event for which "when" is true', async () => {
    const { bus, clock } = setUp()
    bus.publish('a', 5)
    const wait = bus.waitFor('a', { when: ({ payload }) => payload > 1, timeout: '1s' })
    bus.publish('a', 1)
    const event = bus.publish('a', 2)
    bus.publish('a', 3)
    expect(await wait).toBe(event)
    expect(bus.hasSubscribers('a')).toBe(false)
    expect(clock.pendingTimers).toBe(0)
  })

  it('waits for any event with "*"', async () => {
    const { bus } = setUp()
    const wait = bus.waitFor('*')
    const event = bus.publish('b', 'x')
    expect(await wait).toBe(event)
  })

  it('rejects with TIMEOUT when nothing came, and then hears nothing more', async () => {
    const { bus, clock } = setUp()
    const when = vi.fn(() => true)
    const wait = expect(bus.waitFor('a', { timeout: '2s', when })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'No "a" came within 2000 ms',
      context: { type: 'a', timeoutMs: 2000 },
    })
    await clock.advance(1999)
    expect(bus.hasSubscribers('a')).toBe(true)
    await clock.advance(1)
    await wait
    bus.publish('a', 1)
    expect(when).not.toHaveBeenCalled()
    expect(bus.hasSubscribers('a')).toBe(false)
  })

  it('rejects with ABORTED when its signal fires, with the reason as cause', async () => {
    const { bus, clock } = setUp()
    const controller = new AbortController()
    const remove = vi.spyOn(controller.signal, 'removeEventListener')
    const wait = bus.waitFor('a', { signal: controller.signal, timeout: '1s' })
    controller.abort('enough')
    await expect(wait).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' })
    expect(bus.hasSubscribers('a')).toBe(false)
    expect(clock.pendingTimers).toBe(0)
    expect(remove).toHaveBeenCalled()
  })

  it('rejects with ABORTED at once when the signal has fired before', async () => {
    const { bus } = setUp()
    await expect(bus.waitFor('a', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(bus.hasSubscribers('a')).toBe(false)
  })

  it('rejects with ABORTED when the bus is closed, also from inside a handler', async () => {
    const { bus, clock } = setUp()
    const wait = bus.waitFor('a', { timeout: '1s' })
    bus.subscribe('b', () => bus.close())
    bus.publish('b', 'x')
    await expect(wait).rejects.toMatchObject({
      code: 'ABORTED',
      message: 'Gave up waiting for "a": the bus was closed',
    })
    expect(clock.pendingTimers).toBe(0)
    await expect(bus.waitFor('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('rejects with what "when" throws, and the bus reports nothing', async () => {
    const onError = vi.fn()
    const bus = createEventBus({ onError })
    const wait = bus.waitFor('a', {
      when: () => {
        throw new TypeError('bad predicate')
      },
    })
    bus.publish('a', 1)
    await expect(wait).rejects.toThrow('bad predicate')
    expect(onError).not.toHaveBeenCalled()
  })

  it('rejects a malformed timeout or type with VALIDATION', async () => {
    const { bus } = setUp()
    await expect(bus.waitFor('a', { timeout: 'soon' as never })).rejects.toMatchObject({ code: 'VALIDATION' })
    await expect(bus.waitFor('' as never)).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(bus.hasSubscribers('a')).toBe(false)
  })

  it('ends at once with a timeout of 0, and never with Infinity', async () => {
    const { bus, clock } = setUp()
    const never = bus.waitFor('b', { timeout: Infinity })
    const wait = expect(bus.waitFor('a', { timeout: 0 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    await clock.advance('7d')
    await wait
    bus.publish('b', 'at last')
    expect((await never).payload).toBe('at last')
  })
})
