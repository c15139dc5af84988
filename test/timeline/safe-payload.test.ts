import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SystemError } from 'busline'
import { freezePlainData } from '../../src/core/plain-data.js'
import { simulatedClock } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import { toSafePayload } from '../../src/timeline/safe-payload.js'
import { TimelineRecorder } from '../../src/timeline/timeline-recorder.js'

const safe = (data: unknown, maxBytes = 65_536) =>
  toSafePayload({ data }, { maxBytes, redaction: undefined }).data

describe('toSafePayload()', () => {
  it('hands on, as it is, what the engine usually records', () => {
    const payload = { stageId: 'a', visit: 1, parked: true }
    expect(toSafePayload(payload, { maxBytes: 65_536, redaction: undefined })).toBe(payload)
  })

  it.each([
    ['a function', () => 1, '[function]'],
    ['a symbol', Symbol('x'), '[symbol]'],
    ['a bigint', 12n, '12n'],
    ['NaN', NaN, '[NaN]'],
    ['undefined in a list', [undefined], [null]],
    ['undefined in an object', { a: undefined, b: 1 }, { b: 1 }],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['a date that is none', new Date(NaN), '[invalid date]'],
    ['a map', new Map([['a', { b: 1 }]]), [['a', { b: 1 }]]],
    ['a set', new Set([1]), [1]],
    ['binary data', new Uint8Array(3), '[Uint8Array of 3 bytes]'],
    ['a promise', Promise.resolve(1), '[Promise]'],
    ['an instance of a class', new (class Point { x = 1 })(), { x: 1 }], // prettier-ignore
    [
      'reserved keys',
      JSON.parse('{"__proto__":{"a":1},"constructor":2}'),
      { '[__proto__]': { a: 1 }, '[constructor]': 2 },
    ],
    ['a revoked proxy', revoked(), '[unreadable]'],
    ['a getter that throws', { get a() { throw new Error('no') }, b: 1 }, { a: '[unreadable]', b: 1 }], // prettier-ignore
  ])('describes %s', (_what, value, expected) => {
    expect(safe(value)).toEqual(expected)
  })

  it('describes errors with their code, causes and context', () => {
    const error = new SystemError('TIMEOUT', 'Too late', {
      cause: new Error('slow'),
      context: { stepId: 's' },
    })
    expect(safe(error)).toMatchObject({
      code: 'TIMEOUT',
      context: { stepId: 's' },
      cause: { message: 'slow' },
    })
  })

  it('says where a value refers to itself, but not where it is only used twice', () => {
    const shared = { x: 1 }
    const cyclic: Record<string, unknown> = { first: shared, second: shared }
    cyclic.self = cyclic
    expect(safe(cyclic)).toEqual({ first: { x: 1 }, second: { x: 1 }, self: '[circular]' })
  })

  it('ends at things that are too deep', () => {
    let deep: unknown = 1
    for (let level = 0; level < 100_000; level++) deep = [deep]
    expect(JSON.stringify(safe(deep))).toContain('[nested too deep]')
  })

  it('cuts what is too large, and says how much is missing', () => {
    expect(safe('x'.repeat(1_000), 200)).toMatch(/^x{80,100}… \(cut: 1000 characters\)$/)
    const list = safe(
      Array.from({ length: 1_000 }, (_, index) => index),
      200,
    ) as unknown[]
    expect(list.at(-1)).toBe(`… (cut: ${1_000 - (list.length - 1)} more)`)
    const object = safe(Object.fromEntries(list.map((_, index) => [`key-${index}`, 'x'.repeat(50)])), 400)
    expect(Object.keys(object as object)).toContain('…')
  })

  it('comes to an end with lists that have none', () => {
    class Endless extends Set<unknown> {
      override *[Symbol.iterator](): SetIterator<unknown> {
        for (;;) yield undefined
      }
    }
    expect((safe(new Endless()) as unknown[]).length).toBeLessThan(10_000)
    expect((safe(new Array(2 ** 32 - 1)) as unknown[]).length).toBeLessThan(10_000)
  })

  it('makes plain data of bounded size of anything whatever', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withDate: true,
          withMap: true,
          withSet: true,
          withBigInt: true,
          withTypedArray: true,
          withSparseArray: true,
          withNullPrototype: true,
          withBoxedValues: true,
        }),
        (value) => {
          const payload = toSafePayload({ value: [value] }, { maxBytes: 2_000, redaction: undefined })
          expect(() => freezePlainData(payload)).not.toThrow()
          expect(JSON.parse(JSON.stringify(payload))).toEqual(payload)
          expect(JSON.stringify(payload).length).toBeLessThan(20_000)
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('RunRecording.record()', () => {
  const clock = simulatedClock()

  it('keeps what a step logged as it was then, whatever the step does to it later', async () => {
    const store = new MemoryTimelineStore()
    const recorder = new TimelineRecorder({ store, clock })
    const recording = recorder.open({ runId: 'run', workflowId: 'w', pipelineId: 'p' })
    const data = { count: 1, list: [1] }
    recording.record('logger', 'log:info', { message: 'x', data })
    data.count = 2
    data.list.push(2)
    await recorder.close()
    expect((await store.getEvents('run'))[0]!.payload.data).toEqual({ count: 1, list: [1] })
  })

  it('takes hostile payloads of any source without throwing', async () => {
    const store = new MemoryTimelineStore()
    const recorder = new TimelineRecorder({ store, clock })
    const recording = recorder.open({ runId: 'run', workflowId: 'w', pipelineId: 'p' })
    for (const source of ['pipeline', 'store', 'container', 'logger'] as const) {
      recording.record(source, 'service:odd', revoked() as Record<string, unknown>)
      recording.record(source, 'service:odd', { value: revoked(), fn() {}, big: 1n })
    }
    await recorder.close()
    expect(recording.lostEvents).toBe(0)
    expect(await store.getEvents('run')).toHaveLength(8)
  })
})

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
