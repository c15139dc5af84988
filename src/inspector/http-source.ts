import { type Clock, systemClock } from '../core/clock.js'
import {
  type SerializedError,
  SystemError,
  describe,
  isSystemError,
  reviveError,
} from '../core/system-error.js'
import type { DispatchReport, RegistrationInfo } from '../runtime/runtime-options.js'
import type { TimelineEvent } from '../timeline/timeline-event.js'
import type { RunPage, RunTimelineMeta } from '../timeline/timeline-store.js'
import type {
  InspectorCapabilities,
  InspectorSource,
  RunListener,
  WorkersStatus,
} from './inspector-source.js'
import { toFault } from './run-watch.js'
import { readServerSentEvents } from './server-sent-events.js'
import { fromWireJson, toWireJson } from './wire-json.js'

export interface HttpSourceOptions {
  /** Sent as `Authorization: Bearer …` with every request. */
  readonly token?: string
  /** @default the host's */
  readonly fetch?: typeof fetch
  /** For waiting before the stream is opened again. @default the host's */
  readonly clock?: Clock
}

/** How long to wait before a stream that broke is opened again: doubled from the first to the second, milliseconds. */
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 15_000

/**
 * Timelines of a Node runtime, as `inspectorHandler` serves them.
 *
 * @param url Where the handler is mounted; in a page also relative to it.
 */
export function httpSource(url: string | URL, options: HttpSourceOptions = {}): InspectorSource {
  const { token, clock = systemClock } = options
  const send = options.fetch ?? ((input, init) => fetch(input, init))
  const base = `${String(url).replace(/\/+$/, '')}/api`
  const authorization: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` }

  const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
    let response: Response
    try {
      const headers = { ...authorization, ...(init.headers as Record<string, string> | undefined) }
      response = await send(`${base}/${path}`, { ...init, headers })
    } catch (cause) {
      if ((cause as { name?: string }).name === 'AbortError') throw cause
      throw new SystemError('UNAVAILABLE', `Cannot reach ${base}: ${describe(cause)}`, { cause })
    }
    if (!response.ok) throw await toError(response)
    return response
  }
  const get = async (path: string): Promise<unknown> => fromWireJson(await (await request(path)).text())

  return {
    capabilities: async () => (await get('capabilities')) as InspectorCapabilities,
    listRuns: async (filter = {}) => (await get(`runs${toQuery(filter)}`)) as RunPage,
    getRunMeta: async (runId) => {
      try {
        return (await get(`runs/${encodeURIComponent(runId)}`)) as RunTimelineMeta
      } catch (error) {
        if (isSystemError(error) && error.code === 'NOT_FOUND') return undefined
        throw error
      }
    },
    getEvents: async (runId, from, to) => {
      const page = await get(`runs/${encodeURIComponent(runId)}/events${toQuery({ from, to })}`)
      return (page as { events: readonly TimelineEvent[] }).events
    },
    dispatches: async (query) => (await get(`dispatches${toQuery(query)}`)) as DispatchReport,
    workflows: async () => ((await get('workflows')) as { workflows: readonly RegistrationInfo[] }).workflows,
    workers: async () => (await get('workers')) as WorkersStatus,
    command: async (runId, { type, ...rest }) => {
      const headers = { 'content-type': 'application/json' }
      const body = toWireJson(rest)
      await request(`runs/${encodeURIComponent(runId)}/${type}`, { method: 'POST', headers, body })
    },
    watch: (listener) => {
      const controller = new AbortController()
      void follow((init) => request('live', init), listener, controller.signal, clock)
      return () => controller.abort()
    },
  }
}

/** Keeps a stream open until the signal comes. */
async function follow(
  open: (init: RequestInit) => Promise<Response>,
  listener: RunListener,
  signal: AbortSignal,
  clock: Clock,
): Promise<void> {
  let waitMs = FIRST_WAIT_MS
  while (!signal.aborted) {
    try {
      const { body } = await open({ signal })
      for await (const event of readServerSentEvents(body!)) {
        if (signal.aborted) return
        waitMs = FIRST_WAIT_MS
        if (event.type === 'runs') listener.changed(fromWireJson(event.data) as readonly RunTimelineMeta[])
        if (event.type === 'failed') listener.failed?.(asFault(fromWireJson(event.data)))
      }
      throw new SystemError('UNAVAILABLE', 'The live stream has ended: it is opened again')
    } catch (error) {
      if (signal.aborted) return
      listener.failed?.(toFault(error))
    }
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, waitMs)
      signal.addEventListener('abort', () => (clock.clearTimeout(timer), resolve()), { once: true })
    })
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }
}

async function toError(response: Response): Promise<SystemError> {
  const { status, statusText } = response
  try {
    const { error } = JSON.parse(await response.text()) as { error: SerializedError }
    return asFault(error)
  } catch {
    const code =
      status === 401 || status === 403 ? 'UNAUTHORIZED' : status === 404 ? 'NOT_FOUND' : 'UNAVAILABLE'
    return new SystemError(
      code,
      `The server answered ${status} ${statusText}, which is not an inspector's answer`,
      {
        context: { status },
      },
    )
  }
}

function asFault(data: unknown): SystemError {
  return toFault(reviveError(data as SerializedError))
}

function toQuery(fields: object): string {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined && value !== Infinity)
  const query = new URLSearchParams(known.map(([key, value]) => [key, String(value)])).toString()
  return query === '' ? '' : `?${query}`
}
