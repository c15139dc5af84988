import { isFields } from '../../core/is-fields.js'
import type { SerializedError } from '../../core/system-error.js'
import type { JobFault, ThrownValue } from '../job-engine.js'
import { isTooDeep } from './json-text.js'

/** A longer description of a fault is none: what a job throws may be as large as its memory. */
const MAX_FAULT_LENGTH = 1_000_000

const KINDS: readonly JobFault['kind'][] = ['thrown', 'exports', 'operation', 'security', 'memory', 'result']

/** A fault as a realm tells it. The realm belongs to a stranger, so each field is looked at. */
export function readFault(text: string): JobFault {
  const data = parse(text)
  const kind = KINDS.find((each) => each === data['kind']) ?? 'thrown'
  const thrown = readThrown(data['thrown'])
  return { kind, message: textOf(data['message']), ...(thrown ? { thrown } : {}) }
}

/** A fault out of an error that the engine itself has described: name, message and stack. */
export function faultOfError(text: string, kind: JobFault['kind']): JobFault {
  const data = parse(text)
  const name = textOf(data['name']) || 'Error'
  const message = textOf(data['message'])
  if (name === 'InternalError' && /^(out of memory|stack overflow)$/.test(message)) {
    return { kind: 'memory', message }
  }
  const error = { name, message, ...(typeof data['stack'] === 'string' ? { stack: data['stack'] } : {}) }
  return { kind, message, thrown: { type: name, error } }
}

function readThrown(value: unknown): ThrownValue | undefined {
  if (!isFields(value)) return undefined
  const error = readError(value['error'])
  const details = value['details']
  return {
    type: textOf(value['type']),
    ...(error ? { error } : {}),
    ...('value' in value ? { value: value['value'] } : {}),
    ...(isFields(details) ? { details } : {}),
    ...(typeof value['severity'] === 'string' ? { severity: value['severity'] } : {}),
    ...(value['fromModule'] === true ? { fromModule: true } : {}),
  }
}

function readError(value: unknown): SerializedError | undefined {
  if (!isFields(value)) return undefined
  const cause = readError(value['cause'])
  return {
    name: textOf(value['name']) || 'Error',
    message: textOf(value['message']),
    ...(typeof value['stack'] === 'string' ? { stack: value['stack'] } : {}),
    ...(typeof value['code'] === 'string' ? { code: value['code'] } : {}),
    ...(cause ? { cause } : {}),
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  if (text.length > MAX_FAULT_LENGTH || isTooDeep(text)) {
    return {
      kind: 'thrown',
      message: 'What the job threw is too large to be told',
      thrown: { type: 'Object' },
    }
  }
  try {
    const data: unknown = JSON.parse(text)
    return isFields(data) ? data : {}
  } catch {
    return {}
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
