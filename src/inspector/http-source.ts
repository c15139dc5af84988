import { type Clock, systemClock } from '../core/clock.js'
import { isFields } from '../core/is-fields.js'
import { sleep } from '../core/sleep.js'
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
import { tellChanged, tellFailed } from './tell-listener.js'
import { toFault } from './to-fault.js'
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
  const get = async (path: string): Promise<unknown> => {
    const response = await request(path)
    try {
      const answer = fromWireJson(await response.text())
      if (isFields(answer)) return answer
    } catch (cause) {
      throw new SystemError('UNAVAILABLE', `Cannot read the answer of ${base}: ${describe(cause)}`, { cause })
    }
    throw noAnswer(response)
  }

  return {
    capabilities: async () => (await get('capabilities')) as InspectorCapabilities,
    listRuns: async (filter = {}) => (await get(`runs${toQuery(filter)}`)) as RunPage,
    getRunMeta: async (runId) => {
      try {
        return (await get(`runs/${toPathPart(runId)}`)) as RunTimelineMeta
      } catch (error) {
        if (isSystemError(error) && error.code === 'NOT_FOUND') return undefined
        throw error
      }
    },
    getEvents: async (runId, from, to) => {
      const page = await get(`runs/${toPathPart(runId)}/events${toQuery({ from, to })}`)
      return (page as { events: readonly TimelineEvent[] }).events
    },
    dispatches: async (query) => (await get(`dispatches${toQuery(query)}`)) as DispatchReport,
    workflows: async () => ((await get('workflows')) as { workflows: readonly RegistrationInfo[] }).workflows,
    workers: async () => (await get('workers')) as WorkersStatus,
    command: async (runId, { type, ...rest }) => {
      const headers = { 'content-type': 'application/json' }
      const body = toWireJson(rest)
      await request(`runs/${toPathPart(runId)}/${type}`, { method: 'POST', headers, body })
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
        const data = fromWireJson(event.data)
        if (event.type === 'runs') tellChanged(listener, data as readonly RunTimelineMeta[])
        if (event.type === 'failed') tellFailed(listener, asFault(data))
      }
      throw new SystemError('UNAVAILABLE', 'The live stream has ended: it is opened again')
    } catch (error) {
      if (signal.aborted) return
      tellFailed(listener, error)
    }
    await sleep(waitMs, signal, clock)
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  }
}

async function toError(response: Response): Promise<SystemError> {
  try {
    const { error } = JSON.parse(await response.text()) as { error: SerializedError }
    return asFault(error)
  } catch {
    return noAnswer(response)
  }
}

function noAnswer({ status, statusText }: Response): SystemError {
  const code =
    status === 401 || status === 403 ? 'UNAUTHORIZED' : status === 404 ? 'NOT_FOUND' : 'UNAVAILABLE'
  return new SystemError(
    code,
    `The server answered ${status} ${statusText}, which is not an inspector's answer`,
    { context: { status } },
  )
}

/** @throws {SystemError} `VALIDATION` for an id that has no form in a path: it would be that of another, or of nothing. */
function toPathPart(runId: string): string {
  try {
    if (runId !== '' && runId !== '.' && runId !== '..') return encodeURIComponent(runId)
  } catch {
    // Half a character.
  }
  throw new SystemError(
    'VALIDATION',
    `Cannot ask for run ${JSON.stringify(runId)} over HTTP: ids in a path cannot be so`,
  )
}

function asFault(data: unknown): SystemError {
  return toFault(reviveError(data as SerializedError))
}

function toQuery(fields: object): string {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined && value !== Infinity)
  const query = new URLSearchParams(known.map(([key, value]) => [key, String(value)])).toString()
  return query === '' ? '' : `?${query}`
}
