import { type ErrorCode, type SystemError, serializeError } from '../../core/system-error.js'
import { toFault } from '../to-fault.js'
import { toWireJson } from '../wire-json.js'
import { AccessError } from './access.js'

const STATUS: Partial<Record<ErrorCode, number>> = {
  VALIDATION: 400,
  UNAUTHORIZED: 403,
  NOT_FOUND: 404,
  INVALID_COMMAND: 409,
  CONFLICT: 409,
  DUPLICATE_KEY: 409,
  VERSION_MISMATCH: 409,
  CAPACITY: 429,
  UNAVAILABLE: 503,
  TIMEOUT: 504,
}

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

export function answerJson(value: unknown, status = 200): Response {
  return answerText(toWireJson(value), 'application/json; charset=utf-8', { status })
}

export function answerText(
  body: BodyInit,
  contentType: string,
  {
    status = 200,
    headers = {},
  }: { readonly status?: number; readonly headers?: Record<string, string> } = {},
): Response {
  return new Response(body, { status, headers: { ...HEADERS, 'content-type': contentType, ...headers } })
}

/** An error as `{ error: { code, message, context? } }`; neither stack nor causes leave the process. */
export function answerError(thrown: unknown): Response {
  const error = toFault(thrown)
  const status = error instanceof AccessError ? error.status : (STATUS[error.code] ?? 500)
  const headers: Record<string, string> = status === 401 ? { 'www-authenticate': 'Bearer' } : {}
  return answerText(toWireJson({ error: toPublicError(error) }), 'application/json; charset=utf-8', {
    status,
    headers,
  })
}

export function toPublicError(error: SystemError) {
  const { name, code, message, context } = serializeError(error)
  return { name, code, message, ...(context ? { context } : {}) }
}
