/**
 * States and events as JSON, for the way to an inspector. What JSON cannot hold is written as
 * `{ "$busline": [kind, …] }`: undefined, numbers that are none, dates. Binary data, sets and maps are only looked at
 * over there, so they travel as a description.
 */
const TAG = '$busline'

export function toWireJson(value: unknown): string {
  return JSON.stringify(encode(value))
}

/** @throws {SyntaxError} when it is not JSON. */
export function fromWireJson(json: string): unknown {
  return decode(JSON.parse(json))
}

function encode(value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return { [TAG]: ['undefined'] }
    case 'number':
      return Number.isFinite(value) ? value : { [TAG]: ['number', String(value)] }
    case 'bigint':
      return `${value}n`
    case 'function':
    case 'symbol':
      return `[${typeof value}]`
    case 'object':
      return value === null ? null : encodeObject(value)
    default:
      return value
  }
}

function encodeObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(encode)
  if (value instanceof Date) return { [TAG]: ['date', value.getTime()] }
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value))
    return `[${kind} of ${value.byteLength} bytes]`
  if (kind !== 'Object' && kind !== 'Error') return `[${kind}]`
  const entries = Object.entries(value).map(([key, each]) => [key, encode(each)] as const)
  return Object.hasOwn(value, TAG) ? { [TAG]: ['object', entries] } : Object.fromEntries(entries)
}

function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode)
  if (typeof value !== 'object' || value === null) return value
  const tag = (value as Record<string, unknown>)[TAG]
  if (!Array.isArray(tag)) return fromEntries(Object.entries(value))
  const [kind, data] = tag as [string, unknown]
  if (kind === 'number') return Number(data)
  if (kind === 'date') return new Date(data === null ? NaN : (data as number))
  return kind === 'object' ? fromEntries(data as [string, unknown][]) : undefined
}

/** Unlike assignment, this makes a key `__proto__` a property like any other. */
function fromEntries(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries.map(([key, value]) => [key, decode(value)]))
}
