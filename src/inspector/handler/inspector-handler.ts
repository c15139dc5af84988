import { type Clock, systemClock } from '../../core/clock.js'
import { SystemError } from '../../core/system-error.js'
import { TimelinePlayer } from '../../timeline/timeline-player.js'
import type { TimelineEvent } from '../../timeline/timeline-event.js'
import { type TimelineStore, unknownRun } from '../../timeline/timeline-store.js'
import type { InspectedRuntime, InspectedWorkers } from '../inspector-source.js'
import { giveCommand, parseCommand } from '../run-command.js'
import { RunWatch } from '../run-watch.js'
import { listWorkflows, noRuntime, statusOf } from '../timeline-source.js'
import { fromWireJson, toWireJson } from '../wire-json.js'
import { Access, type AccessOptions } from './access.js'
import { answerError, answerJson, answerText } from './answers.js'
import { answerPage, answerScript } from './inspector-page.js'
import { openLiveStream } from './live-stream.js'
import { LIMITS, readDispatchQuery, readNumber, readRunFilter } from './read-query.js'

/** What is looked at. */
export interface InspectorTarget {
  readonly store: TimelineStore
  /** Adds receipts, queues, workflows and, where allowed, commands. */
  readonly runtime?: InspectedRuntime
  /** A `WorkerServer`: adds a page with its workers. */
  readonly workers?: InspectedWorkers
}

export interface InspectorHandlerOptions extends AccessOptions {
  /** The path under which the handler is mounted, such as `/inspector`. @default '' */
  readonly basePath?: string
  /** The element as one module for the page; `busline/inspector/node` brings it. @default the API without a page */
  readonly script?: () => Promise<string>
  /** How often the store is asked what is new while somebody looks, milliseconds. @default 500 */
  readonly intervalMs?: number
  /** @default the host's */
  readonly clock?: Clock
}

export type InspectorHandler = (request: Request) => Promise<Response>

/**
 * Serves timelines over HTTP, and a page to look at them: for Node, Deno, Bun, or whatever hands a `Request` over.
 * Never rejects; an error is JSON, `{ error: { code, message } }`. Sends no CORS headers: pages of other origins cannot
 * read it.
 *
 * @throws {SystemError} `VALIDATION` when `allowControl` is set without a token, or the token is short.
 */
export function inspectorHandler(
  target: InspectorTarget,
  options: InspectorHandlerOptions = {},
): InspectorHandler {
  const { clock = systemClock, intervalMs = 500 } = options
  const access = new Access(options)
  const routes = new Routes(target, access, new RunWatch(target.store, { clock, intervalMs }), clock)
  const base = (options.basePath ?? '').replace(/\/+$/, '')
  return async (request) => {
    try {
      const { pathname, search } = new URL(request.url)
      if (pathname === base && base !== '') {
        return answerText('', 'text/plain', { status: 308, headers: { location: `${base}/${search}` } })
      }
      if (!pathname.startsWith(`${base}/`)) throw noSuchPath(pathname)
      const path = pathname.slice(base.length + 1)
      if (path === '' || path === 'inspector.js') {
        if (!options.script) throw new SystemError('NOT_FOUND', 'This server has no page: give it a "script"')
        return path === '' ? answerPage() : answerScript(await options.script())
      }
      if (!path.startsWith('api/')) throw noSuchPath(pathname)
      const parts = path.slice(4).split('/').map(decodePart)
      await access.check(request, parts[0] === 'runs' && isCommand(parts[2]))
      return await routes.answer(request, parts)
    } catch (error) {
      return answerError(error)
    }
  }
}

class Routes {
  readonly #target: InspectorTarget
  readonly #access: Access
  readonly #watch: RunWatch
  readonly #clock: Clock

  constructor(target: InspectorTarget, access: Access, watch: RunWatch, clock: Clock) {
    this.#target = target
    this.#access = access
    this.#watch = watch
    this.#clock = clock
  }

  async answer(request: Request, parts: readonly string[]): Promise<Response> {
    const [name, runId, detail, ...more] = parts
    if (more.length > 0 || detail === '') throw noSuchPath(`api/${parts.join('/')}`)
    const { store, runtime, workers } = this.#target
    const query = new URL(request.url).searchParams
    if (name === 'runs' && runId !== undefined && isCommand(detail)) {
      if (request.method !== 'POST') throw wrongMethod(request.method, 'POST')
      if (!runtime) throw noRuntime()
      await giveCommand(runtime, runId, parseCommand(detail, await readBody(request)), this.#clock)
      return answerJson({ ok: true }, 202)
    }
    if (request.method !== 'GET') throw wrongMethod(request.method, 'GET')
    switch (parts.length === 1 ? name : `${name}/${detail ?? ''}`) {
      case 'capabilities':
        return answerJson({
          hasRuntime: runtime !== undefined,
          canControl: runtime !== undefined && this.#access.canControl,
          ...(workers ? { hasWorkers: true } : {}),
        })
      case 'runs':
        return answerJson(await store.listRuns(readRunFilter(query)))
      case 'runs/':
        return answerJson(await this.#meta(runId!))
      case 'runs/events':
        return this.#events(runId!, query)
      case 'runs/state':
        return this.#state(runId!, query)
      case 'dispatches':
        if (!runtime) throw noRuntime()
        return answerJson(runtime.dispatches(readDispatchQuery(query)))
      case 'workflows':
        return answerJson({ workflows: runtime ? listWorkflows(runtime) : [] })
      case 'workers':
        return answerJson(statusOf(workers))
      case 'live':
        return openLiveStream(this.#watch, request, this.#clock)
      default:
        throw noSuchPath(`api/${parts.join('/')}`)
    }
  }

  async #meta(runId: string) {
    const meta = await this.#target.store.getRunMeta(runId)
    if (!meta) throw unknownRun(runId)
    return meta
  }

  /** A page of events, as many as fit; `next` is where the following one begins. */
  async #events(runId: string, query: URLSearchParams): Promise<Response> {
    const { eventCount } = await this.#meta(runId)
    const from = readNumber(query, 'from', 1, Number.MAX_SAFE_INTEGER) ?? 1
    const to = readNumber(query, 'to', 0, Number.MAX_SAFE_INTEGER) ?? Infinity
    if (from > eventCount + 1) {
      throw new SystemError(
        'NOT_FOUND',
        `There is no event ${from} of run "${runId}": its timeline has ${eventCount}`,
      )
    }
    const events = await this.#target.store.getEvents(runId, from, Math.min(to, from + LIMITS.events - 1))
    // Deleted meanwhile: a page without events would be the end of it.
    if (events.length === 0 && from <= Math.min(to, eventCount)) throw unknownRun(runId)
    const json: string[] = []
    let bytes = 0
    for (const event of events) {
      const text = toWireJson(event satisfies TimelineEvent)
      bytes += text.length
      if (json.length > 0 && bytes > LIMITS.eventBytes) break
      json.push(text)
    }
    const next = from + json.length
    const rest = json.length > 0 && next <= Math.min(to, eventCount) ? `,"next":${next}` : ''
    return answerText(`{"events":[${json.join(',')}]${rest}}`, 'application/json; charset=utf-8')
  }

  async #state(runId: string, query: URLSearchParams): Promise<Response> {
    const { eventCount } = await this.#meta(runId)
    const player = new TimelinePlayer(this.#target.store, runId)
    await player.seek(readNumber(query, 'seq', 0, Number.MAX_SAFE_INTEGER) ?? eventCount)
    return answerJson({ seq: player.position, event: player.event ?? null, state: player.state })
  }
}

function isCommand(name: string | undefined): name is 'abort' | 'resume' | 'signal' {
  return name === 'abort' || name === 'resume' || name === 'signal'
}

/** JSON only: a form of another page can send text, but not that. */
async function readBody(request: Request): Promise<unknown> {
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    throw new SystemError(
      'VALIDATION',
      'Cannot give the command: send it as "content-type: application/json"',
    )
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Counted while it arrives: what is said of its length need not be true.
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > LIMITS.body) {
      throw new SystemError('CAPACITY', `Cannot give the command: it has more than ${LIMITS.body} bytes`)
    }
    chunks.push(chunk)
  }
  const text = await new Blob(chunks as BlobPart[]).text()
  try {
    return text === '' ? {} : fromWireJson(text)
  } catch (cause) {
    throw new SystemError('VALIDATION', 'Cannot give the command: its body is not JSON', { cause })
  }
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw new SystemError('VALIDATION', 'Cannot answer: the path is not well encoded', { cause })
  }
}

function noSuchPath(path: string): SystemError {
  return new SystemError('NOT_FOUND', `There is nothing at "${path.slice(0, 200)}"`)
}

function wrongMethod(given: string, allowed: string): SystemError {
  return new SystemError('INVALID_COMMAND', `Cannot answer a ${given} here: send a ${allowed}`)
}
