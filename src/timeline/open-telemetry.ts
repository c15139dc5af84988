import type { TimelineEvent } from './timeline-event.js'
import type { TimelineSink } from './timeline-recorder.js'
import type { RunTimelineMeta, TimelineBatch } from './timeline-store.js'

/**
 * Timelines as traces of OpenTelemetry, through whatever tracer and logger the application has: nothing is imported,
 * the types below are the part of `@opentelemetry/api` and `@opentelemetry/api-logs` that is called.
 *
 * - A span per run, per stage, per attempt of a step, and per child pipeline; each ends when the timeline says so.
 *   A pause ends all spans of its run, and a resume begins a new one that links to the one before: no span is open
 *   for the days a run may sleep.
 * - Runs that one event caused in another, and forks, link to the run that they come from.
 * - Log events become log records, or span events when there is no logger; what else happens becomes a span event.
 */
export interface OpenTelemetryOptions {
  /** `trace.getTracer('my-app')`. */
  readonly tracer: OtelTracer
  /** `logs.getLogger('my-app')`. @default none: logs become span events */
  readonly logger?: OtelLogger
  /** How many events and runs are remembered, so that later runs can link to them. @default 10_000 */
  readonly maxLinks?: number
}

export type OtelAttributes = Record<string, string | number | boolean>

export interface OtelSpanContext {
  traceId: string
  spanId: string
  traceFlags: number
}

export interface OtelSpan {
  spanContext(): OtelSpanContext
  addEvent(name: string, attributes: OtelAttributes, time: Date): unknown
  setAttribute(key: string, value: string | number | boolean): unknown
  setStatus(status: { code: number; message?: string }): unknown
  end(time: Date): void
}

export interface OtelContext {
  getValue(key: symbol): unknown
  setValue(key: symbol, value: unknown): OtelContext
  deleteValue(key: symbol): OtelContext
}

export interface OtelTracer {
  startSpan(
    name: string,
    options: { attributes: OtelAttributes; startTime: Date; links: { context: OtelSpanContext }[] },
    context: OtelContext,
  ): OtelSpan
}

export interface OtelLogger {
  emit(record: {
    timestamp: Date
    severityNumber: number
    severityText: string
    body: string
    attributes: OtelAttributes
    context: OtelContext
  }): void
}

/** `SpanStatusCode.ERROR`. */
const ERROR = 2

/** `SeverityNumber`. */
const SEVERITY = { debug: 5, info: 9, warn: 13, error: 17 } as const

/** Under this key a context holds its span: `createContextKey` of the API is `Symbol.for`, so it is the same everywhere. */
const SPAN_KEY = Symbol.for('OpenTelemetry Context Key SPAN')

/** A sink for `TimelineRecorder` that turns what is recorded into spans and log records. */
export function openTelemetrySink({ tracer, logger, maxLinks = 10_000 }: OpenTelemetryOptions): TimelineSink {
  const traces = new Map<string, RunTrace>()
  const links = new BoundedMap<OtelSpanContext>(maxLinks)

  return {
    take({ meta, events }: TimelineBatch) {
      let trace = traces.get(meta.runId)
      for (const event of events) {
        if (!trace) traces.set(meta.runId, (trace = new RunTrace(tracer, logger, meta, links)))
        trace.follow(event)
      }
      if (!trace || meta.status === 'recording') return
      trace.endAll(meta)
      traces.delete(meta.runId)
    },
  }
}

/** The open spans of one run, by their path; `''` is the run itself. */
class RunTrace {
  readonly #tracer: OtelTracer
  readonly #logger: OtelLogger | undefined
  readonly #meta: RunTimelineMeta
  readonly #links: BoundedMap<OtelSpanContext>
  readonly #open = new Map<string, OtelSpan>()
  #lastTime = 0

  constructor(
    tracer: OtelTracer,
    logger: OtelLogger | undefined,
    meta: RunTimelineMeta,
    links: BoundedMap<OtelSpanContext>,
  ) {
    this.#tracer = tracer
    this.#logger = logger
    this.#meta = meta
    this.#links = links
  }

  follow(event: TimelineEvent): void {
    this.#lastTime = event.timestamp
    const time = new Date(event.timestamp)
    if (!this.#open.has('')) this.#openRun(time)
    const [subject, what] = event.type.split(':') as [string, string]
    const path = pathOf(event)
    if (subject === 'log') this.#log(event, what as keyof typeof SEVERITY, path)
    else if (!['pipeline', 'stage', 'step'].includes(subject)) this.#note(event, path)
    else if (what === 'start') {
      if (path !== '') this.#openAt(path, `${subject} ${nameOf(event, path)}`, attributesOf(event), time)
    } else if (what === 'progress' || what === 'pause' || what === 'resume') this.#note(event, path)
    else this.#endAt(path, event)
  }

  /** Ends what is open, because the run sleeps or is over. */
  endAll({ status, endTime }: RunTimelineMeta): void {
    const time = new Date(Math.max(this.#lastTime, endTime ?? 0))
    this.#open.get('')?.setAttribute('busline.status', status)
    // The innermost first.
    for (const span of [...this.#open.values()].reverse()) span.end(time)
    this.#open.clear()
  }

  #openRun(time: Date): void {
    const { runId, workflowId, pipelineId, metadata = {} } = this.#meta
    const attributes = {
      'busline.run_id': runId,
      'busline.workflow_id': workflowId,
      'busline.pipeline_id': pipelineId,
    }
    const { eventId, causationId, parentRunId } = metadata
    const causes = [`run:${runId}`, `event:${String(causationId)}`, `run:${String(parentRunId)}`]
    const links = causes.flatMap((key) => this.#links.get(key) ?? []).map((context) => ({ context }))
    const span = this.#tracer.startSpan(
      `run ${workflowId}`,
      { attributes, startTime: time, links },
      contextOf(undefined),
    )
    this.#open.set('', span)
    this.#links.set(`run:${runId}`, span.spanContext())
    if (typeof eventId === 'string') this.#links.set(`event:${eventId}`, span.spanContext())
  }

  #openAt(path: string, name: string, attributes: OtelAttributes, time: Date): void {
    // One that a crash cut off never got its end.
    this.#open.get(path)?.end(time)
    this.#open.delete(path)
    const options = { attributes, startTime: time, links: [] }
    this.#open.set(path, this.#tracer.startSpan(name, options, contextOf(this.#around(parentPath(path)))))
  }

  #endAt(path: string, event: TimelineEvent): void {
    const span = this.#open.get(path)
    if (!span) return
    const { error } = event.payload
    if (error !== undefined || event.type.endsWith(':failure')) {
      const { message } = (error ?? {}) as { message?: unknown }
      span.setStatus({ code: ERROR, ...(typeof message === 'string' ? { message } : {}) })
    }
    if (event.type === 'step:retry') this.#note(event, path)
    // The span of the run ends with its last event, so that nothing is outside of it.
    if (path === '') return
    span.end(new Date(event.timestamp))
    this.#open.delete(path)
  }

  #note(event: TimelineEvent, path: string): void {
    this.#around(path)?.addEvent(event.type, attributesOf(event), new Date(event.timestamp))
  }

  #log(event: TimelineEvent, level: keyof typeof SEVERITY, path: string): void {
    if (!this.#logger) return this.#note(event, path)
    this.#logger.emit({
      timestamp: new Date(event.timestamp),
      severityNumber: SEVERITY[level],
      severityText: level.toUpperCase(),
      body: String(event.payload.message),
      attributes: attributesOf(event),
      context: contextOf(this.#around(path)),
    })
  }

  /** The innermost open span around a path. */
  #around(path: string): OtelSpan | undefined {
    let at = path
    while (at !== '' && !this.#open.has(at)) at = parentPath(at)
    return this.#open.get(at)
  }
}

/** Steps and logs say where they are themselves; a stage is named within the pipeline it is in. */
function pathOf({ type, payload }: TimelineEvent): string {
  const path = typeof payload.path === 'string' ? payload.path : ''
  const { stageId } = payload
  const isWhole = /^(pipeline|step|log):/.test(type) || typeof stageId !== 'string'
  return isWhole ? path : path === '' ? stageId : `${path}/${stageId}`
}

function parentPath(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

function nameOf({ payload }: TimelineEvent, path: string): string {
  const { stepId, stageId, pipelineId } = payload
  const name = stepId ?? stageId ?? pipelineId
  return typeof name === 'string' ? name : path
}

/** The scalars of a payload, under this library's prefix; what is nested is given as JSON. */
function attributesOf({ seq, payload }: TimelineEvent): OtelAttributes {
  const attributes: OtelAttributes = { 'busline.seq': seq }
  for (const [key, value] of Object.entries(payload)) {
    const name = `busline.${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      attributes[name] = value
    else if (value !== null && value !== undefined) attributes[name] = JSON.stringify(value)
  }
  return attributes
}

function contextOf(span: OtelSpan | undefined, values = new Map<symbol, unknown>()): OtelContext {
  if (span) values.set(SPAN_KEY, span)
  return {
    getValue: (key) => values.get(key),
    setValue: (key, value) => contextOf(undefined, new Map(values).set(key, value)),
    deleteValue: (key) => {
      const rest = new Map(values)
      rest.delete(key)
      return contextOf(undefined, rest)
    },
  }
}

/** Forgets the oldest entry when there are too many. */
class BoundedMap<Value> {
  readonly #values = new Map<string, Value>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  get(key: string): Value | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: Value): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    if (this.#values.size > this.#max) this.#values.delete(this.#values.keys().next().value!)
  }
}
