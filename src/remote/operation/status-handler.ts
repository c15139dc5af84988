import type { HttpHandler } from '../server/http-front.js'
import type { WorkerServer } from '../server/worker-server.js'
import { type HttpAccessOptions, answer, checkAccess, isGet } from './http-access.js'
import { STATUS_PAGE } from './status-page.js'

/**
 * Serves a page that shows the workers, their load, requests and heartbeats, live; and the figures behind it as
 * JSON, at `status.json` below it. With a token the page asks for it once, in the fragment of its address:
 * `/status#token=…`, which browsers do not send.
 */
export function statusHandler(
  server: WorkerServer,
  { path = '/status', token }: HttpAccessOptions = {},
): HttpHandler {
  const base = path.replace(/\/+$/, '')
  return (request, response) => {
    if (isGet(request, `${base}/status.json`)) {
      if (checkAccess(request, response, token)) {
        answer(response, 200, 'application/json', JSON.stringify(server.status()))
      }
      return true
    }
    if (!isGet(request, base) && !isGet(request, `${base}/`)) return false
    response.setHeader(
      'content-security-policy',
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'",
    )
    answer(
      response,
      200,
      'text/html',
      STATUS_PAGE.replace('%BASE%', JSON.stringify(base).replaceAll('<', '\\u003c')),
    )
    return true
  }
}
