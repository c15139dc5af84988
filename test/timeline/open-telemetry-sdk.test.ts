import { type Link, SpanStatusCode } from '@opentelemetry/api'
import { SeverityNumber } from '@opentelemetry/api-logs'
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  type ReadableLogRecord,
  SimpleLogRecordProcessor,
} from '@opentelemetry/sdk-logs'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { MemoryTimelineStore, type StepContext } from 'busline'
import { beforeEach, describe, expect, it } from 'vitest'
import { openTelemetrySink } from '../../src/timeline/open-telemetry.js'
import { openRuntime } from '../runtime/open-runtime.js'

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const tracer = provider.getTracer('busline-test')

const logExporter = new InMemoryLogRecordExporter()
const logger = new LoggerProvider({
  processors: [new SimpleLogRecordProcessor({ exporter: logExporter })],
}).getLogger('busline-test')

beforeEach(() => {
  exporter.reset()
  logExporter.reset()
})

const spans = (): readonly ReadableSpan[] => exporter.getFinishedSpans()
const logged = (): readonly ReadableLogRecord[] => logExporter.getFinishedLogRecords()
const named = (name: string): ReadableSpan => {
  const found = spans().filter((span) => span.name === name)
  expect(found, name).toHaveLength(1)
  return found[0]!
}
const spanId = (span: ReadableSpan) => span.spanContext().spanId
const linked = (span: ReadableSpan) => span.links.map(({ context }: Link) => context.spanId)

describe('openTelemetrySink() with the SDK of OpenTelemetry', () => {
  it('gives finished runs as traces: parents, times, failures, events, links, and logs with their span', async () => {
    const { runtime, bus } = openRuntime({
      timelineStore: new MemoryTimelineStore(),
      timeline: { sinks: [openTelemetrySink({ tracer, logger })] },
    })
    let attempts = 0
    await runtime.register({
      id: 'orders',
      triggers: { placed: { event: 'order:placed' } },
      pipelines: {
        main: {
          id: 'main',
          stages: [
            {
              id: 'pay',
              steps: {
                charge: {
                  retry: { limit: 1, delay: 0 },
                  action: (ctx: StepContext) => {
                    ctx.logger.warn('charging', { amount: 5 })
                    if (++attempts === 1) throw new Error('declined')
                    ctx.publish('order:paid', { amount: 5 })
                  },
                },
              },
            },
            {
              id: 'fan',
              pipelines: [{ id: 'child', stages: [{ id: 'pack', steps: { box: () => {} } }] }],
            },
          ],
        },
      },
    })
    let told = () => {}
    const mailed = new Promise<void>((resolve) => (told = resolve))
    await runtime.register(
      {
        id: 'mails',
        triggers: { paid: { event: 'order:paid' } },
        pipelines: {
          main: {
            id: 'main',
            stages: [{ id: 'send', steps: { mail: () => Promise.reject(new Error('bounced')) } }],
          },
        },
      },
      { mode: { type: 'serialized' } },
    )
    bus.subscribe('run:failed', () => told())
    await runtime.invoke('orders', 'placed', {})
    await mailed
    await runtime.stop()

    const run = named('run orders')
    const mails = named('run mails')
    const stage = named('stage pay')
    const [first, second] = spans().filter(({ name }) => name === 'step charge')
    expect(run.parentSpanContext).toBeUndefined()
    for (const [child, parent] of [
      [stage, run],
      [first!, stage],
      [second!, stage],
      [named('stage fan'), run],
      [named('pipeline child'), named('stage fan')],
      [named('stage pack'), named('pipeline child')],
      [named('step box'), named('stage pack')],
    ] as const) {
      expect(child.parentSpanContext?.spanId, child.name).toBe(spanId(parent))
      expect(child.spanContext().traceId).toBe(run.spanContext().traceId)
      expect(child.ended).toBe(true)
    }
    expect(first).toMatchObject({ status: { code: SpanStatusCode.ERROR, message: 'declined' } })
    expect(first!.events.map(({ name }) => name)).toEqual(['step:retry'])
    expect(second!.status.code).toBe(SpanStatusCode.UNSET)
    expect(second!.attributes).toMatchObject({ 'busline.attempt': 2, 'busline.path': 'pay/charge' })
    expect(run.events.map(({ name }) => name)).toContain('router:evaluated')
    // What one event caused in another workflow is another trace, that links to where the event came from.
    expect(mails.spanContext().traceId).not.toBe(run.spanContext().traceId)
    expect(linked(mails)).toEqual([spanId(run)])
    expect(mails.status).toMatchObject({ code: SpanStatusCode.ERROR })
    expect(run.attributes).toMatchObject({ 'busline.workflow_id': 'orders', 'busline.status': 'complete' })
    const times = (span: ReadableSpan) => [span.startTime, span.endTime].map(([s, ns]) => s * 1000 + ns / 1e6)
    const [from, to] = times(run) as [number, number]
    for (const span of [stage, first!, second!]) {
      const [begin, end] = times(span) as [number, number]
      expect(begin >= from && end <= to && begin <= end, span.name).toBe(true)
    }
    expect(logged().map(({ severityText, body }) => [severityText, body])).toEqual([
      ['WARN', 'charging'],
      ['WARN', 'charging'],
    ])
    // Each belongs to the attempt that wrote it.
    expect(logged().map(({ spanContext }) => spanContext)).toEqual([
      first!.spanContext(),
      second!.spanContext(),
    ])
  })

  it('gives what steps log as log records, in the trace of their run, with severity, time and attributes', async () => {
    const { runtime, clock } = openRuntime({
      timelineStore: new MemoryTimelineStore(),
      timeline: { sinks: [openTelemetrySink({ tracer, logger })] },
    })
    const log = (ctx: StepContext) => {
      ctx.logger.debug('looked up', { tries: 2, hit: true })
      ctx.logger.info('charged')
      ctx.logger.error('was too late')
    }
    await runtime.register({
      id: 'orders',
      triggers: { placed: { event: 'order:placed' } },
      pipelines: {
        main: {
          id: 'main',
          stages: [
            { id: 'pay', steps: { charge: log } },
            { id: 'fan', pipelines: [{ id: 'child', stages: [{ id: 'pack', steps: { box: log } }] }] },
          ],
        },
      },
    })
    const runId = (await runtime.invoke('orders', 'placed', {})).metadata.runId
    await runtime.stop()

    const steps = [named('step charge'), named('step box')]
    expect(logged()).toHaveLength(6)
    for (const [index, step] of steps.entries()) {
      const own = logged().filter(({ spanContext }) => spanContext?.spanId === spanId(step))
      expect(
        own.map(({ severityNumber, severityText, body }) => [severityNumber, severityText, body]),
      ).toEqual([
        [SeverityNumber.DEBUG, 'DEBUG', 'looked up'],
        [SeverityNumber.INFO, 'INFO', 'charged'],
        [SeverityNumber.ERROR, 'ERROR', 'was too late'],
      ])
      for (const { spanContext, hrTime, attributes } of own) {
        expect(spanContext).toEqual(step.spanContext())
        expect(spanContext?.traceId).toBe(named('run orders').spanContext().traceId)
        expect(hrTime[0] * 1000 + hrTime[1] / 1e6).toBe(clock.now())
        expect(attributes).toMatchObject({ 'busline.stage_id': ['pay', 'pack'][index] })
      }
      expect(own[0]!.attributes).toMatchObject({ 'busline.data': '{"tries":2,"hit":true}' })
    }
    expect(named('run orders').attributes).toMatchObject({ 'busline.run_id': runId })
    // A log is told once: as a record, not as an event of its span as well.
    for (const step of steps) expect(step.events).toEqual([])
  })

  it('is told nothing, and no events are made for it, where there is no sink', async () => {
    const timelineStore = new MemoryTimelineStore()
    const { runtime } = openRuntime({ timelineStore })
    await runtime.register({
      id: 'w',
      triggers: { go: { event: 'go' } },
      pipelines: { main: { id: 'main', stages: [{ id: 's', steps: { a: () => {} } }] } },
    })
    // The log of a batch becomes objects when `events` is read: with the memory store and no sink, nobody does.
    const append = timelineStore.append.bind(timelineStore)
    let reads = 0
    timelineStore.append = (batches) =>
      append(
        batches.map(({ meta, log }) => ({
          meta,
          ...(log ? { log } : {}),
          get events() {
            reads++
            return []
          },
        })),
      )
    const { metadata } = await runtime.invoke('w', 'go')
    await runtime.stop()
    expect(reads).toBe(0)
    expect((await timelineStore.getEvents(metadata.runId)).length).toBeGreaterThan(5)
    expect(spans()).toEqual([])
  })
})
