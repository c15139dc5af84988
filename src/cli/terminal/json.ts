/** Any plain data as JSON for other programs: what JSON does not have is written as text, maps and sets as lists. */
export function toJson(value: unknown): string {
  return `${JSON.stringify(value, replace, 2)}\n`
}

function replace(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Map || value instanceof Set) return [...(value as Iterable<unknown>)]
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  }
  return value
}
