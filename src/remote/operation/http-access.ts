import type { IncomingMessage, ServerResponse } from 'node:http'
import { safeCompare } from '../server/safe-compare.js'

export interface HttpAccessOptions {
  /** The path that is answered. */
  readonly path?: string
  /**
   * What requests must carry as `Authorization: Bearer …`. @default only requests addressed to this machine by its own
   * names are answered
   */
  readonly token?: string
}

/** Names under which only this machine can be meant. Others may be a page on the net that had itself resolved to here. */
const LOCAL_HOST = /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/

/** @returns whether the request may be answered; if not, it has been refused. */
export function checkAccess(
  request: IncomingMessage,
  response: ServerResponse,
  token: string | undefined,
): boolean {
  const { authorization = '', host = '' } = request.headers
  if (token === undefined) {
    if (LOCAL_HOST.test(host)) return true
    answer(response, 403, 'text/plain', 'Without a token this is answered on localhost only: set "token"\n')
    return false
  }
  if (safeCompare(/^Bearer +(.+)$/i.exec(authorization)?.[1], token)) return true
  response.setHeader('www-authenticate', 'Bearer')
  answer(response, 401, 'text/plain', 'Send the token as "Authorization: Bearer …"\n')
  return false
}

/** Whether a request is a reading one for that path; what follows the `?` does not matter. */
export function isGet({ method, url = '' }: IncomingMessage, path: string): boolean {
  return (method === 'GET' || method === 'HEAD') && url.split('?', 1)[0] === path
}

export function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  })
  response.end(body)
}
