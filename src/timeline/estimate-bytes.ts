/**
 * About how many bytes a value takes in a store: 8 per scalar and key, 1 per character, the length of binary data.
 * For plain data, which has no cycles.
 */
export function estimateBytes(value: unknown): number {
  if (typeof value === 'string') return value.length + 8
  if (typeof value !== 'object' || value === null) return 8
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value.byteLength + 8
  let bytes = 8
  if (Array.isArray(value)) for (const item of value) bytes += estimateBytes(item)
  // Nothing enumerable is inherited by what is plain.
  else for (const key in value) bytes += 8 + estimateBytes((value as Record<string, unknown>)[key])
  return bytes
}
