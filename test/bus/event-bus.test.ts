import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, vi } from 'vitest'
import { type BusEvent, type BusFault, createEventBus, isSystemError } from 'busline'
import { sequentialIds, simulatedClock } from 'busline/testing'

/** Lets handlers that return promises finish. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

/** A bus whose faults are kept, not printed. */
function quietBus(options: Parameters<typeof createEventBus>[0] = {}) {
  const faults: BusFault[] = []
  const bus = createEventBus({ onError: (fault) => faults.push(fault), ...options })
  return { bus, faults }
}

function refusal(attempt: () => unknown) {
  try {
    attempt()
  } catch (error) {
    if (isSystemError(error)) return error
    throw error
  }
  throw new Error('It was not refused')
}

describe('EventBus.publish()', () => {
  it('returns the frozen envelope that every handler is given', () => {
    const bus = createEventBus({ clock: simulatedClock(1000), ids: sequentialIds(), source: 'shop' })
    const seen: BusEvent[] = []
    bus.subscribe('a', (event) => seen.push(event))
    bus.subscribe('*', (event) => seen.push(event))
    const event = bus.publish('a', { n: 1 })
    expect(event).toEqual({
      id: '00000000-0000-7000-8000-000000000001',
      type: 'a',
      payload: { n: 1 },
      timestamp: 1000,
      source: 'shop',
    })
    expect(seen).toEqual([event, event])
    expect(seen.every((each) => each === event && Object.isFrozen(each))).toBe(true)
  })

  it('takes id, time, source, key and links from meta', () => {
    const meta = { id: 'x', timestamp: 5, source: 's', correlationId: 'c', causationId: 'd', key: 'k' }
    expect(createEventBus().publish('a', null, meta)).toEqual({ type: 'a', payload: null, ...meta })
  })

  it('leaves out what meta gives as undefined', () => {
    const meta = { id: undefined, source: undefined, key: undefined }
    expect(Object.keys(createEventBus().publish('a', 1, meta as never)).sort()).toEqual([
      'id',
      'payload',
      'timestamp',
      'type',
    ])
  })

  it.each([
    ['id', ''],
    ['id', 5],
    ['timestamp', NaN],
    ['timestamp', 1.5],
    ['timestamp', Infinity],
    ['timestamp', 1e15],
    ['timestamp', '5'],
    ['source', ''],
    ['correlationId', {}],
    ['causationId', null],
    ['key', ''],
  ])('refuses meta with %s %j and tells nobody', (field, value) => {
    const bus = createEventBus()
    const handler = vi.fn()
    bus.subscribe('*', handler)
    const error = refusal(() => bus.publish('a', 1, { [field]: value }))
    expect(error.code).toBe('VALIDATION')
    expect(error.context['issues']).toMatchObject([{ path: field }])
    expect(handler).not.toHaveBeenCalled()
  })

  it('reads only the known fields of meta, so that "__proto__" is inert', () => {
    const meta = JSON.parse('{ "__proto__": { "key": "evil" }, "constructor": 1, "type": "b", "payload": 2 }')
    const event = createEventBus().publish('a', 1, meta)
    expect(event).toMatchObject({ type: 'a', payload: 1 })
    expect(event.key).toBeUndefined()
    expect('key' in {}).toBe(false)
  })

  it('lets what a getter of meta throws reach the publisher alone', () => {
    const bus = createEventBus()
    const handler = vi.fn()
    bus.subscribe('*', handler)
    const meta = {
      get id(): string {
        throw new Error('trap')
      },
    }
    expect(() => bus.publish('a', 1, meta)).toThrow('trap')
    expect(handler).not.toHaveBeenCalled()
  })

  it.each(['', '*', 5, null, undefined, {}])('refuses the type %j', (type) => {
    expect(refusal(() => createEventBus().publish(type as string, 1)).code).toBe('VALIDATION')
  })

  it('treats types named like parts of objects as any other', () => {
    const bus = createEventBus()
    for (const type of ['__proto__', 'constructor', 'hasOwnProperty', '0']) {
      const handler = vi.fn()
      bus.subscribe(type, handler)
      bus.publish(type, 1)
      expect(handler).toHaveBeenCalledTimes(1)
    }
  })

  it('freezes plain payloads all the way down, and not where it was told so', () => {
    const payload = { list: [{ n: 1 }], at: new Date() }
    createEventBus({ freezePayloads: false }).publish('a', payload)
    expect(Object.isFrozen(payload)).toBe(false)
    createEventBus().publish('a', payload)
    expect(() => (payload.list[0]!.n = 2)).toThrow(TypeError)
    expect(Object.isFrozen(payload.at)).toBe(false)
  })

  it('is refused with UNAVAILABLE on a closed bus', () => {
    const bus = createEventBus()
    bus.close()
    bus.close()
    expect(refusal(() => bus.publish('a', 1)).code).toBe('UNAVAILABLE')
    expect(refusal(() => bus.dispatch({ id: '1', type: 'a', payload: 1, timestamp: 0 })).code).toBe(
      'UNAVAILABLE',
    )
    expect(refusal(() => bus.subscribe('a', () => {})).code).toBe('UNAVAILABLE')
  })
})

describe('EventBus.subscribe()', () => {
  it('calls the handlers of a type in the order of subscribing, those of "*" after them', () => {
    const bus = createEventBus()
    const calls: string[] = []
    bus.subscribe('*', () => calls.push('any'))
    bus.subscribe('a', () => calls.push('first'))
    bus.subscribe('a', () => calls.push('second'))
    bus.publish('a', 1)
    expect(calls).toEqual(['first', 'second', 'any'])
  })

  it('delivers what a handler publishes after the present event has reached everybody', () => {
    const bus = createEventBus()
    const calls: string[] = []
    bus.subscribe('a', () => {
      bus.publish('b', 1)
      calls.push('a1')
    })
    bus.subscribe('a', () => {
      bus.publish('c', 1)
      calls.push('a2')
    })
    bus.subscribe('*', ({ type }) => calls.push(`*${type}`))
    bus.subscribe('b', () => calls.push('b'))
    bus.publish('a', 1)
    expect(calls).toEqual(['a1', 'a2', '*a', 'b', '*b', '*c'])
  })

  it('shows a new handler only what is published after it subscribed', () => {
    const bus = createEventBus()
    const late: unknown[] = []
    bus.subscribe('a', () => {
      bus.publish('b', 'before')
      bus.subscribe('b', ({ payload }) => late.push(payload))
      bus.subscribe('*', ({ payload }) => late.push(payload))
      bus.publish('b', 'after')
    })
    bus.publish('a', 1)
    expect(late).toEqual(['after', 'after'])
  })

  it('ends at once, also for the event that is being delivered', () => {
    const bus = createEventBus()
    const calls: string[] = []
    const ends = ['first', 'second', 'third'].map((name) =>
      bus.subscribe('a', () => {
        calls.push(name)
        if (name === 'first') ends.slice(0, 2).forEach((end) => end())
      }),
    )
    bus.publish('a', 1)
    bus.publish('a', 2)
    ends.forEach((end) => end())
    bus.publish('a', 3)
    expect(calls).toEqual(['first', 'third', 'third'])
  })

  it('counts the same function twice when it is subscribed twice, and ends each alone', () => {
    const bus = createEventBus()
    const handler = vi.fn()
    const end = bus.subscribe('a', handler)
    bus.subscribe('a', handler)
    bus.publish('a', 1)
    expect(handler).toHaveBeenCalledTimes(2)
    end()
    end()
    bus.publish('a', 1)
    expect(handler).toHaveBeenCalledTimes(3)
  })

  it('keeps nothing of types that are made up per request', () => {
    const bus = createEventBus()
    for (let n = 0; n < 1000; n++) bus.subscribe(`reply:${n}`, () => {})()
    expect(bus.hasSubscribers('reply:1')).toBe(false)
    const end = bus.subscribe('*', () => {})
    expect(bus.hasSubscribers('reply:1')).toBe(true)
    end()
    expect(bus.hasSubscribers('reply:1')).toBe(false)
  })

  it.each(['', 5, null])('refuses the type %j', (type) => {
    expect(refusal(() => createEventBus().subscribe(type as string, () => {})).code).toBe('VALIDATION')
  })
})

describe('EventBus.once()', () => {
  it('hears one event, also when the handler publishes the same type', () => {
    const bus = createEventBus()
    const seen: unknown[] = []
    bus.once('a', ({ payload }) => {
      seen.push(payload)
      bus.publish('a', 2)
    })
    bus.publish('a', 1)
    expect(seen).toEqual([1])
    expect(bus.hasSubscribers('a')).toBe(false)
  })

  it('can be ended before', () => {
    const bus = createEventBus()
    const handler = vi.fn()
    bus.once('*', handler)()
    bus.publish('a', 1)
    expect(handler).not.toHaveBeenCalled()
  })
})

describe('a handler that fails', () => {
  it('stops neither the others nor the publisher, and is reported once as bus:error', () => {
    const { bus, faults } = quietBus()
    const reports: BusEvent<'bus:error', BusFault>[] = []
    const other = vi.fn()
    bus.subscribe('bus:error', (event) => reports.push(event))
    bus.subscribe('a', () => {
      throw new TypeError('boom')
    })
    bus.subscribe('a', other)
    const event = bus.publish('a', 1, { correlationId: 'c' })
    expect(other).toHaveBeenCalledTimes(1)
    expect(reports).toHaveLength(1)
    expect(reports[0]).toMatchObject({
      causationId: event.id,
      correlationId: 'c',
      payload: { during: 'handler', event, error: { name: 'TypeError', message: 'boom' } },
    })
    expect(faults).toEqual([])
  })

  it('may reject: it is reported when it does', async () => {
    const { bus, faults } = quietBus()
    bus.subscribe('a', async () => {
      await settled()
      throw new Error('later')
    })
    bus.subscribe('a', () => ({
      then: (_: unknown, reject: (reason: unknown) => void) => reject('thenable'),
    }))
    bus.publish('a', 1)
    expect(faults).toEqual([])
    await settled()
    await settled()
    expect(faults.map(({ error }) => error.message).sort()).toEqual(['later', 'thenable'])
  })

  it.each([null, undefined, 'text', Object.freeze(new Error('cold')), Symbol('s'), 1n])(
    'may throw %o',
    (thrown) => {
      const { bus, faults } = quietBus()
      bus.subscribe('a', () => {
        throw thrown
      })
      bus.publish('a', 1)
      expect(faults).toHaveLength(1)
      expect(JSON.parse(JSON.stringify(faults[0]!.error))).toEqual(faults[0]!.error)
    },
  )

  it('may return an object whose "then" throws', () => {
    const { bus, faults } = quietBus()
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    bus.subscribe('a', () => proxy)
    bus.publish('a', 1)
    expect(faults).toHaveLength(1)
  })

  it('while it handles bus:error, is told to onError and goes no further round', async () => {
    const { bus, faults } = quietBus()
    bus.subscribe('bus:error', () => {
      throw new Error('worse')
    })
    bus.subscribe('bus:error', () => Promise.reject(new Error('still worse')))
    bus.subscribe('a', () => {
      throw new Error('bad')
    })
    bus.publish('a', 1)
    await settled()
    expect(faults.map(({ error }) => error.message)).toEqual(['worse', 'still worse'])
  })

  it('is told to onError after the bus was closed, and an onError that throws harms nobody', async () => {
    const onError = vi.fn(() => {
      throw new Error('useless')
    })
    const bus = createEventBus({ onError })
    bus.subscribe('a', () => settled().then(() => Promise.reject(new Error('late'))))
    bus.publish('a', 1)
    bus.close()
    await settled()
    await settled()
    expect(onError).toHaveBeenCalledTimes(1)
  })

  it('is printed when nobody asked for faults', () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {})
    try {
      const bus = createEventBus()
      bus.subscribe('a', () => {
        throw new Error('boom')
      })
      bus.publish('a', 1)
      expect(print.mock.calls).toEqual([
        [expect.stringContaining('a handler of event "a" failed: Error: boom')],
      ])
    } finally {
      print.mockRestore()
    }
  })
})

describe('handlers that publish without end', () => {
  it('are stopped with LOOP_LIMIT, reported once, and the bus goes on', () => {
    const { bus, faults } = quietBus({ maxCascade: 100 })
    let count = 0
    for (let n = 0; n < 3; n++) {
      bus.subscribe('a', () => {
        count++
        bus.publish('a', 1)
      })
    }
    bus.publish('a', 1)
    expect(count).toBe(3 * 101)
    expect(faults.map(({ error }) => error.code)).toEqual(['LOOP_LIMIT'])
    expect(faults[0]!.error.message).toMatch(/break the loop or raise "maxCascade"$/)
    const handler = vi.fn()
    bus.subscribe('b', handler)
    bus.publish('b', 1)
    expect(handler).toHaveBeenCalledTimes(1)
  })

  it('are reported once also when they are async', async () => {
    const { bus, faults } = quietBus({ maxCascade: 10 })
    for (let n = 0; n < 3; n++) bus.subscribe('a', async () => void bus.publish('a', 1))
    bus.publish('a', 1)
    await settled()
    expect(faults).toHaveLength(1)
  })

  it('cannot hide behind the reports of their faults', () => {
    const { bus } = quietBus({ maxCascade: 100 })
    let count = 0
    bus.subscribe('bus:error', () => bus.publish('a', 1))
    bus.subscribe('a', () => {
      count++
      throw new Error('again')
    })
    bus.publish('a', 1)
    expect(count).toBe(101)
  })

  it('count anew with each event from outside', () => {
    const { bus, faults } = quietBus({ maxCascade: 1 })
    bus.subscribe('a', () => bus.publish('b', 1))
    for (let n = 0; n < 5; n++) bus.publish('a', 1)
    expect(faults).toEqual([])
  })

  it.each([-1, NaN])('cannot be bounded by %d', (maxCascade) => {
    expect(refusal(() => createEventBus({ maxCascade })).code).toBe('VALIDATION')
  })
})

describe('a storm of 100 000 events', () => {
  const STORM = 100_000

  it('is delivered in order when it comes from outside', () => {
    const bus = createEventBus<{ a: number }>()
    let next = 0
    bus.subscribe('a', ({ payload }) => {
      if (payload === next) next++
    })
    for (let n = 0; n < STORM; n++) bus.publish('a', n)
    expect(next).toBe(STORM)
  })

  it('is delivered in order when one handler publishes it, without growing the stack', () => {
    const bus = createEventBus<{ start: null; a: number }>()
    let next = 0
    bus.subscribe('start', () => {
      for (let n = 0; n < STORM; n++) bus.publish('a', n)
    })
    bus.subscribe('a', ({ payload }) => {
      if (payload === next) next++
    })
    bus.publish('start', null)
    expect(next).toBe(STORM)
  })

  it('is delivered as a chain in which each event sets off the next', () => {
    const bus = createEventBus<{ a: number }>()
    let last = -1
    bus.subscribe('a', ({ payload }) => {
      last = payload
      if (payload < STORM) bus.publish('a', payload + 1)
    })
    bus.publish('a', 0)
    expect(last).toBe(STORM)
  })

  it('leaves no memory behind', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const bus = createEventBus<{ a: object }>()
    bus.subscribe('a', () => {})
    const heapAfter = (count: number) => {
      for (let n = 0; n < count; n++) bus.publish('a', { n })
      collect()
      return process.memoryUsage().heapUsed
    }
    const before = heapAfter(1000)
    expect(heapAfter(STORM) - before).toBeLessThan(2_000_000)
  })
})

describe('EventBus.close()', () => {
  it('inside a handler lets what was published be delivered, then ends every subscription', async () => {
    const bus = createEventBus()
    const seen: string[] = []
    bus.subscribe('a', () => {
      bus.publish('b', 1)
      bus.close()
      expect(() => bus.publish('c', 1)).toThrow('Cannot publish "c": the bus is closed')
    })
    bus.subscribe('*', ({ type }) => seen.push(type))
    bus.publish('a', 1)
    expect(seen).toEqual(['a', 'b'])
    expect(bus.hasSubscribers('a')).toBe(false)
    await bus[Symbol.asyncDispose]()
  })
})
