import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { type BusEvent, type StandardSchema, createEventBus, isSystemError } from 'busline'

function refusal(attempt: () => unknown) {
  try {
    attempt()
  } catch (error) {
    if (isSystemError(error)) return error
    throw error
  }
  throw new Error('It was not refused')
}

const foreign: BusEvent = { id: 'x', type: 'a', payload: { n: 1 }, timestamp: 5, source: 's', key: 'k' }

describe('EventBus.createEvent()', () => {
  it('makes the event that publish would and delivers it to nobody', () => {
    const bus = createEventBus({ source: 'shop' })
    const handler = vi.fn()
    bus.subscribe('*', handler)
    const event = bus.createEvent('a', { n: 1 }, { key: 'k' })
    expect(event).toMatchObject({ type: 'a', payload: { n: 1 }, source: 'shop', key: 'k' })
    expect(Object.isFrozen(event) && Object.isFrozen(event.payload)).toBe(true)
    expect(handler).not.toHaveBeenCalled()
    expect(bus.dispatch(event)).toBe(event)
    expect(handler).toHaveBeenCalledExactlyOnceWith(event)
  })

  it('checks type, meta and payload', () => {
    const bus = createEventBus<{ a: { n: number } }>({ schemas: { a: z.object({ n: z.number() }) } })
    expect(refusal(() => bus.createEvent('a', { n: 'x' } as never)).code).toBe('VALIDATION')
    expect(refusal(() => bus.createEvent('' as never, 1 as never)).code).toBe('VALIDATION')
    expect(refusal(() => bus.createEvent('a', { n: 1 }, { key: '' })).code).toBe('VALIDATION')
  })

  it('runs the schema once between creating and dispatching', () => {
    const validate = vi.fn((value: unknown) => ({ value: (value as number) + 1 }))
    const counting: StandardSchema<unknown, number> = {
      '~standard': { version: 1, vendor: 'test', validate },
    }
    const bus = createEventBus<{ a: number }>({ schemas: { a: counting } })
    const event = bus.createEvent('a', 1)
    bus.dispatch(event)
    expect(event.payload).toBe(2)
    expect(validate).toHaveBeenCalledTimes(1)
  })

  it('is allowed on a closed bus, which refuses to dispatch it', () => {
    const bus = createEventBus()
    bus.close()
    const event = bus.createEvent('a', 1)
    expect(refusal(() => bus.dispatch(event)).code).toBe('UNAVAILABLE')
  })
})

describe('EventBus.dispatch()', () => {
  it('delivers an envelope from elsewhere under its own id, as a frozen copy', () => {
    const bus = createEventBus({ source: 'here' })
    const seen: BusEvent[] = []
    bus.subscribe('a', (event) => seen.push(event))
    const given = { ...foreign, extra: 1 }
    const event = bus.dispatch(given)
    expect(event).toEqual(foreign)
    expect(seen).toEqual([foreign])
    expect(Object.isFrozen(event)).toBe(true)
    expect(Object.isFrozen(given)).toBe(false)
  })

  it('keeps its place in the order of publishing', () => {
    const bus = createEventBus()
    const seen: string[] = []
    bus.subscribe('start', () => {
      bus.publish('b', 1)
      bus.dispatch(foreign)
      bus.dispatch(bus.createEvent('c', 1))
    })
    bus.subscribe('*', ({ type }) => seen.push(type))
    bus.publish('start', 1)
    expect(seen).toEqual(['start', 'b', 'a', 'c'])
  })

  it('lists everything that is wrong with an envelope', () => {
    const bus = createEventBus()
    const error = refusal(() => bus.dispatch({ id: '', type: '*', timestamp: 'now', key: 5 } as never))
    expect(error.message).toBe('Cannot dispatch a malformed event: "id" must be a non-empty string')
    expect(error.context['issues']).toMatchObject([
      { path: 'id' },
      { path: 'type' },
      { path: 'timestamp' },
      { path: 'key' },
    ])
  })

  it.each([null, undefined, 'text', 5, () => foreign, []])('refuses %o', (value) => {
    expect(refusal(() => createEventBus().dispatch(value as never)).code).toBe('VALIDATION')
  })

  it('is not fooled by an envelope that changes while it is read', () => {
    let reads = 0
    const shifty = { ...foreign }
    Object.defineProperty(shifty, 'type', { enumerable: true, get: () => (reads++ === 0 ? 'a' : '*') })
    expect(createEventBus().dispatch(shifty).type).toBe('a')
    const { proxy, revoke } = Proxy.revocable(foreign, {})
    revoke()
    expect(refusal(() => createEventBus().dispatch(proxy)).code).toBe('VALIDATION')
  })

  it('counts towards the limit of what handlers may publish in a row', () => {
    const faults: unknown[] = []
    const bus = createEventBus({ maxCascade: 10, onError: ({ error }) => faults.push(error.code) })
    bus.subscribe('a', (event) => bus.dispatch(event))
    bus.dispatch(foreign)
    expect(faults).toEqual(['LOOP_LIMIT'])
  })
})

describe('schemas', () => {
  const schemas = { order: z.object({ total: z.number(), note: z._default(z.string(), '-') }) }
  const orderBus = () =>
    createEventBus<{ order: { total: number; note?: string }; other: unknown }>({ schemas })

  it('refuse a payload that does not fit, with all issues, and nobody hears of it', () => {
    const bus = orderBus()
    const handler = vi.fn()
    bus.subscribe('*', handler)
    const error = refusal(() => bus.publish('order', { total: 'much', note: 5 } as never))
    expect(error.code).toBe('VALIDATION')
    expect(error.message).toMatch(/^Cannot publish "order": the payload does not fit its schema: "total": /)
    expect(error.context).toMatchObject({ type: 'order', issues: [{ path: 'total' }, { path: 'note' }] })
    expect(refusal(() => bus.dispatch({ ...foreign, type: 'order' })).code).toBe('VALIDATION')
    expect(handler).not.toHaveBeenCalled()
  })

  it('make the payload that is delivered, frozen too', () => {
    const bus = orderBus()
    const given = { total: 1 }
    const event = bus.publish('order', given)
    expect(event.payload).toEqual({ total: 1, note: '-' })
    expect(Object.isFrozen(event.payload)).toBe(true)
    expect(bus.dispatch({ ...foreign, type: 'order', payload: { total: 2 } }).payload).toEqual({
      total: 2,
      note: '-',
    })
  })

  it('leave other types alone', () => {
    expect(orderBus().publish('other', 1).payload).toBe(1)
  })

  it('that throw or answer later refuse the payload', () => {
    const schemaOf = (validate: () => never): StandardSchema<unknown, number> => ({
      '~standard': { version: 1, vendor: 'test', validate },
    })
    const throwing = schemaOf(() => {
      throw new Error('broken')
    })
    const later = schemaOf(() => Promise.reject(new Error('unheard')) as never)
    const bus = createEventBus<{ a: number; b: number }>({ schemas: { a: throwing, b: later } })
    expect(refusal(() => bus.publish('a', 1))).toMatchObject({
      code: 'VALIDATION',
      cause: { message: 'broken' },
    })
    expect(refusal(() => bus.publish('b', 1)).message).toMatch(/The schema is asynchronous/)
  })

  it('must be Standard Schemas', () => {
    const error = refusal(() => createEventBus({ schemas: { a: { parse: () => 1 } } as never }))
    expect(error.context['issues']).toEqual([
      { path: 'schemas.a', message: 'must be a Standard Schema, such as one made with zod' },
    ])
  })
})
