import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BusEvent, createEventBus, fromCloudEvent, isSystemError, toCloudEvent } from 'busline'
import { simulatedClock } from 'busline/testing'

const throughJson = (event: BusEvent) => fromCloudEvent(JSON.parse(JSON.stringify(toCloudEvent(event))))

/** The issues that a conversion is refused with. */
function refusal(convert: () => unknown): unknown {
  try {
    convert()
  } catch (error) {
    if (isSystemError(error) && error.code === 'VALIDATION') return error.context['issues']
    throw error
  }
  throw new Error('It was not refused')
}

const event: BusEvent = {
  id: '0190a1b2-0000-7000-8000-000000000001',
  type: 'order:placed',
  payload: { total: 3 },
  timestamp: 1_700_000_000_123,
  source: 'https://shop.example/tab',
  correlationId: 'c',
  causationId: 'd',
  key: 'order-1',
}

const valid = { specversion: '1.0', id: '1', source: '/s', type: 't' }

describe('toCloudEvent()', () => {
  it('writes CloudEvents 1.0 with lower-case extension attributes', () => {
    expect(toCloudEvent(event)).toEqual({
      specversion: '1.0',
      id: event.id,
      source: 'https://shop.example/tab',
      type: 'order:placed',
      time: '2023-11-14T22:13:20.123Z',
      correlationid: 'c',
      causationid: 'd',
      partitionkey: 'order-1',
      datacontenttype: 'application/json',
      data: { total: 3 },
    })
  })

  it('gives every event a source that is a URI reference, and keeps the one it has', () => {
    const { source: _, ...anonymous } = event
    expect(toCloudEvent(anonymous).source).toBe('urn:busline:none')
    expect(toCloudEvent({ ...event, source: 'tab 1' })).toMatchObject({
      source: 'tab%201',
      buslinesource: 'tab 1',
    })
    for (const source of [undefined, 'tab 1', 'tab%201', '100%', 'urn:busline:none', 'süd', '{}']) {
      const given = source === undefined ? anonymous : { ...event, source }
      expect(toCloudEvent(given).source).toMatch(/^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[\dA-F]{2})+$/)
      expect(throughJson(given)).toEqual(given)
    }
  })

  it('writes bytes as data_base64, however many', () => {
    expect(toCloudEvent({ ...event, payload: new Uint8Array([1, 2, 255]) })).toMatchObject({
      datacontenttype: 'application/octet-stream',
      data_base64: 'AQL/',
    })
    for (const size of [0, 1, 2, 3, 8191, 8192, 8193, 300_000]) {
      const payload = Uint8Array.from({ length: size }, (_, index) => (index * 31) % 256)
      expect(throughJson({ ...event, payload }).payload).toEqual(payload)
    }
  })

  it('leaves data out for an undefined payload, and writes null for null', () => {
    expect(toCloudEvent({ ...event, payload: undefined })).not.toHaveProperty('data')
    expect(toCloudEvent({ ...event, payload: null })).toHaveProperty('data', null)
    expect(throughJson({ ...event, payload: undefined })).toEqual({ ...event, payload: undefined })
    expect(throughJson({ ...event, payload: null })).toEqual({ ...event, payload: null })
  })

  it('refuses what JSON would lose, with the path of each', () => {
    const payload = {
      when: new Date(),
      list: [1, undefined, NaN],
      call: () => 0,
      big: 1n,
      map: new Map(),
      ok: undefined,
    }
    expect(refusal(() => toCloudEvent({ ...event, payload }))).toEqual([
      { path: 'payload.when', message: 'must be JSON, is an instance of a class' },
      { path: 'payload.list.1', message: 'must be JSON, is undefined' },
      { path: 'payload.list.2', message: 'must be JSON, is NaN' },
      { path: 'payload.call', message: 'must be JSON, is a function' },
      { path: 'payload.big', message: 'must be JSON, is a bigint' },
      { path: 'payload.map', message: 'must be JSON, is an instance of a class' },
    ])
  })

  it('refuses cycles, objects that change themselves and objects that throw', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    expect(refusal(() => toCloudEvent({ ...event, payload: cycle }))).toMatchObject([
      { message: 'must not be nested deeper than 200 levels, nor refer to itself' },
    ])
    expect(refusal(() => toCloudEvent({ ...event, payload: { toJSON: () => 1 } }))).toHaveLength(1)
    const trap = Object.defineProperty({}, 'x', {
      enumerable: true,
      get() {
        throw new Error('trap')
      },
    })
    expect(refusal(() => toCloudEvent({ ...event, payload: trap }))).toHaveLength(1)
  })

  it('describes a payload that is wrong everywhere by its first issues', () => {
    const payload = Array.from({ length: 10_000 }, () => NaN)
    expect(refusal(() => toCloudEvent({ ...event, payload }))).toHaveLength(20)
  })

  it('refuses attributes that CloudEvents cannot hold', () => {
    expect(refusal(() => toCloudEvent({ ...event, id: 'a\u0000', key: '\ud800' }))).toMatchObject([
      { path: 'id' },
      { path: 'key' },
    ])
  })
})

describe('fromCloudEvent()', () => {
  it('inverts toCloudEvent for every envelope with a JSON payload', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((each) => !/\p{Cc}/u.test(each))
    const envelope = fc.record(
      {
        id: text,
        type: text.filter((type) => type !== '*'),
        payload: fc.jsonValue(),
        timestamp: fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }),
        source: fc.oneof(text, fc.webUrl(), fc.constant('urn:busline:none')),
        correlationId: text,
        causationId: text,
        key: text,
      },
      { requiredKeys: ['id', 'type', 'payload', 'timestamp'] },
    )
    fc.assert(
      fc.property(envelope, (given) => {
        // JSON knows one zero and, where own, the key "__proto__".
        const expected = { ...given, payload: JSON.parse(JSON.stringify(given.payload)) }
        expect(throughJson(given)).toEqual(expected)
      }),
    )
  })

  it('returns a frozen event that a bus can dispatch', () => {
    const read = fromCloudEvent({ ...valid, time: '2026-01-01T00:00:00Z', data: [1] })
    expect(Object.isFrozen(read)).toBe(true)
    const seen: BusEvent[] = []
    const bus = createEventBus()
    bus.subscribe('t', (each) => seen.push(each))
    bus.dispatch(read)
    expect(seen).toEqual([
      { id: '1', source: '/s', type: 't', timestamp: Date.UTC(2026, 0, 1), payload: [1] },
    ])
  })

  it.each([
    ['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31t12:00:00.5z', '2026-01-31T12:00:00.500Z'],
    ['2026-01-31T12:00:00.123456789+02:00', '2026-01-31T10:00:00.123Z'],
    ['2024-02-29T00:00:00-05:30', '2024-02-29T05:30:00.000Z'],
    ['0004-02-29T00:00:00Z', '0004-02-29T00:00:00.000Z'],
  ])('reads the time %s to the millisecond', (time, expected) => {
    expect(new Date(fromCloudEvent({ ...valid, time }).timestamp).toISOString()).toBe(expected)
  })

  it.each([
    '',
    'yesterday',
    '2026-01-31',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    5,
  ])('refuses the time %j', (time) => {
    expect(refusal(() => fromCloudEvent({ ...valid, time }))).toMatchObject([{ path: 'time' }])
  })

  it('takes an event without time to happen now', () => {
    const clock = simulatedClock(42)
    expect(fromCloudEvent(valid, { clock }).timestamp).toBe(42)
    expect(fromCloudEvent({ ...valid, time: null }, { clock }).timestamp).toBe(42)
  })

  it('ignores attributes it has no field for, and takes null for not set', () => {
    const read = fromCloudEvent({
      ...valid,
      subject: 's',
      traceparent: 't',
      partitionkey: null,
      correlationid: null,
    })
    expect(Object.keys(read).sort()).toEqual(['id', 'payload', 'source', 'timestamp', 'type'])
  })

  it('lists everything that is wrong, by attribute', () => {
    const bad = {
      specversion: '0.3',
      id: 5,
      source: '',
      type: '*',
      time: 'x',
      data: 1,
      data_base64: '%',
      partitionkey: {},
    }
    const issues = refusal(() => fromCloudEvent(bad)) as { path: string }[]
    expect(issues.map(({ path }) => path).sort()).toEqual(
      ['data_base64', 'data_base64', 'id', 'partitionkey', 'source', 'specversion', 'time', 'type'].sort(),
    )
  })

  it.each([null, undefined, 'text', 5, () => valid])('refuses %o', (input) => {
    expect(refusal(() => fromCloudEvent(input))).toEqual([
      { path: '', message: expect.any(String) as string },
    ])
  })

  it('refuses an object that cannot be read', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(refusal(() => fromCloudEvent(proxy))).toHaveLength(1)
  })

  it('reads nothing through "__proto__" and "constructor"', () => {
    const text = `{ "specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": { "__proto__": { "evil": 1 } },
      "__proto__": { "partitionkey": "evil" }, "constructor": { "prototype": { "evil": 1 } } }`
    const read = fromCloudEvent(JSON.parse(text))
    expect(read.key).toBeUndefined()
    expect((read.payload as { evil?: number }).evil).toBeUndefined()
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(refusal(() => fromCloudEvent(Object.create(valid)))).toHaveLength(4)
    expect(refusal(() => fromCloudEvent([valid]))).toHaveLength(4)
  })

  it('never throws anything but VALIDATION, and refuses in linear time', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.record({ ...constants(), data: fc.anything() })), (input) => {
        try {
          fromCloudEvent(input)
        } catch (error) {
          expect(error).toMatchObject({ code: 'VALIDATION' })
        }
      }),
    )
    const huge = 'A'.repeat(5_000_000)
    expect(refusal(() => fromCloudEvent({ ...valid, data_base64: `${huge}AA=` }))).toHaveLength(1)
    expect((fromCloudEvent({ ...valid, data_base64: huge }).payload as Uint8Array).length).toBe(3_750_000)
  })
})

function constants() {
  return {
    specversion: fc.constantFrom('1.0', '2.0'),
    id: fc.anything(),
    source: fc.anything(),
    type: fc.anything(),
    time: fc.oneof(fc.string(), fc.anything()),
  }
}
