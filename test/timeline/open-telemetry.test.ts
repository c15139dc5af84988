import { beforeEach, describe, expect, it } from 'vitest'
import { type SimulatedClock, simulatedClock } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import {
  type OtelAttributes,
  type OtelContext,
  type OtelLogger,
  type OtelSpan,
  type OtelTracer,
  openTelemetrySink,
} from '../../src/timeline/open-telemetry.js'
import type { RecordingOptions } from '../../src/timeline/recording-host.js'
import type { RunRecording } from '../../src/timeline/run-recording.js'
import { TimelineRecorder } from '../../src/timeline/timeline-recorder.js'

const SPAN = Symbol.for('OpenTelemetry Context Key SPAN')

/** A span as a tracer of the real API keeps it. */
class Span implements OtelSpan {
  readonly events: { readonly name: string; readonly attributes: OtelAttributes }[] = []
  status: { code: number; message?: string } | undefined
  endedAt: number | undefined
  readonly name: string
  readonly parent: string | undefined
  readonly links: readonly string[]
  readonly startedAt: number
  readonly attributes: OtelAttributes

  constructor(...[name, options, context]: Parameters<OtelTracer['startSpan']>) {
    this.name = name
    this.parent = spanOf(context)
    this.links = options.links.map((link) => link.context.spanId)
    this.startedAt = options.startTime.getTime()
    this.attributes = options.attributes
  }

  spanContext() {
    return { traceId: 'trace', spanId: `${this.name}@${this.startedAt}`, traceFlags: 1 }
  }
  addEvent(name: string, attributes: OtelAttributes) {
    expect(this.endedAt).toBeUndefined()
    this.events.push({ name, attributes })
    return this
  }
  setAttribute(key: string, value: string | number | boolean) {
    this.attributes[key] = value
  }
  setStatus(status: { code: number; message?: string }) {
    this.status = status
  }
  end(time: Date) {
    expect(this.endedAt, `${this.name} ended twice`).toBeUndefined()
    this.endedAt = time.getTime()
  }
}

function spanOf(context: OtelContext): string | undefined {
  return (context.getValue(SPAN) as Span | undefined)?.name
}

describe('openTelemetrySink()', () => {
  let clock: SimulatedClock
  let spans: Span[]
  let records: Parameters<OtelLogger['emit']>[0][]
  let recorder: TimelineRecorder

  const tracer: OtelTracer = {
    startSpan(...args) {
      const span = new Span(...args)
      spans.push(span)
      return span
    },
  }
  const setUp = (logger?: OtelLogger) => {
    clock = simulatedClock(0)
    spans = []
    records = []
    const sinks = [openTelemetrySink({ tracer, ...(logger ? { logger } : {}) })]
    recorder = new TimelineRecorder({ store: new MemoryTimelineStore(), clock, sinks })
  }
  const open = (facts: Partial<RecordingOptions> = {}): RunRecording =>
    recorder.open({ runId: 'run', workflowId: 'orders', pipelineId: 'main', ...facts })
  const step = (recording: RunRecording, type: string, path: string, more: object = {}) => {
    const [stageId, stepId] = path.split('/').slice(-2)
    recording.record('pipeline', type, { pipelineId: 'main', stageId, stepId, path, attempt: 1, ...more })
  }
  const shape = () => spans.map(({ name, parent, startedAt, endedAt }) => [name, parent, startedAt, endedAt])

  beforeEach(() => setUp())

  it('makes a span of the run, each stage and each attempt of a step, one inside the other', async () => {
    const recording = open()
    recording.record('pipeline', 'pipeline:start', { pipelineId: 'main' })
    recording.record('pipeline', 'stage:start', { stageId: 'pay', visit: 1 })
    await clock.advance(10)
    step(recording, 'step:start', 'pay/charge')
    await clock.advance(10)
    step(recording, 'step:retry', 'pay/charge', {
      delayMs: 10,
      error: { name: 'Error', message: 'declined' },
    })
    await clock.advance(10)
    step(recording, 'step:start', 'pay/charge', { attempt: 2 })
    await clock.advance(10)
    step(recording, 'step:success', 'pay/charge', { attempt: 2 })
    recording.record('pipeline', 'stage:success', { stageId: 'pay', visit: 1 })
    await clock.advance(10)
    recording.record('pipeline', 'pipeline:success', { pipelineId: 'main' })
    recording.setStatus('complete')
    await recorder.close()
    expect(shape()).toEqual([
      ['run orders', undefined, 0, 50],
      ['stage pay', 'run orders', 0, 40],
      ['step charge', 'stage pay', 10, 20],
      ['step charge', 'stage pay', 30, 40],
    ])
    expect(spans[2]!.status).toEqual({ code: 2, message: 'declined' })
    expect(spans[3]).toMatchObject({
      status: undefined,
      attributes: { 'busline.attempt': 2, 'busline.step_id': 'charge' },
    })
    expect(spans[0]!.attributes).toMatchObject({ 'busline.run_id': 'run', 'busline.status': 'complete' })
  })

  it('puts children and what else happens where they belong', async () => {
    const recording = open()
    recording.record('pipeline', 'pipeline:start', {})
    recording.record('pipeline', 'stage:start', { stageId: 'fan' })
    recording.record('pipeline', 'pipeline:start', { pipelineId: 'child', path: 'fan/1' })
    recording.record('pipeline', 'stage:start', { stageId: 'ask', path: 'fan/1' })
    step(recording, 'step:start', 'fan/1/ask/mail')
    step(recording, 'step:progress', 'fan/1/ask/mail', { fraction: 0.5 })
    recording.record('pipeline', 'router:evaluated', {
      stageId: 'ask',
      path: 'fan/1',
      instruction: { type: 'advance' },
    })
    step(recording, 'step:failure', 'fan/1/ask/mail', { error: { name: 'Error', message: 'no' } })
    recording.record('pipeline', 'pipeline:failure', {
      pipelineId: 'main',
      error: { message: 'Stage failed' },
    })
    recording.setStatus('failed')
    await recorder.close()
    expect(spans.map(({ name, parent }) => [name, parent])).toEqual([
      ['run orders', undefined],
      ['stage fan', 'run orders'],
      ['pipeline child', 'stage fan'],
      ['stage ask', 'pipeline child'],
      ['step mail', 'stage ask'],
    ])
    expect(spans[4]!.events).toMatchObject([
      { name: 'step:progress', attributes: { 'busline.fraction': 0.5 } },
    ])
    expect(spans[3]!.events).toMatchObject([
      { name: 'router:evaluated', attributes: { 'busline.instruction': '{"type":"advance"}' } },
    ])
    expect(spans[0]!.status).toEqual({ code: 2, message: 'Stage failed' })
    expect(spans.every(({ endedAt }) => endedAt !== undefined)).toBe(true)
  })

  it('has no span open while a run sleeps, and links the next one to it', async () => {
    const recording = open()
    recording.record('pipeline', 'pipeline:start', {})
    recording.record('pipeline', 'pipeline:pause', { stageId: 'a' })
    recording.setStatus('paused')
    await clock.advance('3d')
    expect(shape()).toEqual([['run orders', undefined, 0, 0]])
    recording.setStatus('recording')
    recording.record('pipeline', 'pipeline:resume', {})
    recording.setStatus('aborted')
    await recorder.close()
    expect(spans[1]!.links).toEqual(['run orders@0'])
    expect(spans[1]!.attributes).toMatchObject({ 'busline.status': 'aborted' })
  })

  it('links a run to the run whose event caused it, and a fork to its parent', async () => {
    const first = open({ metadata: { eventId: 'e1' } })
    first.record('pipeline', 'pipeline:start', {})
    await clock.advance('1s')
    const second = open({ runId: 'b', workflowId: 'mails', metadata: { eventId: 'e2', causationId: 'e1' } })
    second.record('pipeline', 'pipeline:start', {})
    const fork = open({ runId: 'c', workflowId: 'fork', metadata: { parentRunId: 'run' } })
    fork.record('pipeline', 'pipeline:start', {})
    await recorder.flush()
    expect(spans.map(({ name, links }) => [name, links])).toEqual([
      ['run orders', []],
      ['run mails', ['run orders@0']],
      ['run fork', ['run orders@0']],
    ])
    await recorder.close()
  })

  it('turns logs into log records with the span that they belong to', async () => {
    setUp({ emit: (record) => records.push(record) })
    const recording = open()
    recording.record('pipeline', 'stage:start', { stageId: 'pay' })
    step(recording, 'step:start', 'pay/charge')
    recording.record('logger', 'log:warn', { path: 'pay/charge', message: 'slow', data: { ms: 5 } })
    recording.setStatus('complete')
    await recorder.close()
    expect(records).toMatchObject([
      { severityNumber: 13, severityText: 'WARN', body: 'slow', attributes: { 'busline.data': '{"ms":5}' } },
    ])
    expect(spanOf(records[0]!.context)).toBe('step charge')
    expect(spans.flatMap(({ events }) => events)).toEqual([])
  })

  it('turns logs into span events when there is no logger', async () => {
    const recording = open()
    recording.record('logger', 'log:info', { message: 'hello' })
    recording.setStatus('complete')
    await recorder.close()
    expect(spans[0]!.events).toMatchObject([{ name: 'log:info', attributes: { 'busline.message': 'hello' } }])
  })
})
