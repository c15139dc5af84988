/** A line of a value that is shown as a tree. */
export interface ValueRow {
  /** Dotted, from the root; '' is the root. */
  readonly path: string
  readonly key: string
  readonly depth: number
  readonly preview: string
  readonly type: 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array' | 'other' | 'more'
  readonly isExpandable: boolean
  readonly isExpanded: boolean
}

/** Children of one object or array that are shown; the rest is summed up in one line. */
export const MAX_CHILDREN = 500

/** Rows of a whole tree; what is beyond is left out, with a line that says so. */
const MAX_ROWS = 5000

const MAX_PREVIEW = 160

/** Keys of an object that are shown on its line. */
const MAX_KEYS = 5

/**
 * The lines of a value, those of `expanded` paths with what is in them. It reads only what it shows, so a state of
 * many megabytes costs no more than a small one.
 */
export function toValueRows(value: unknown, expanded: ReadonlySet<string>): readonly ValueRow[] {
  const rows: ValueRow[] = []
  const visit = (container: object, prefix: string, depth: number): void => {
    const isArray = Array.isArray(container)
    const keys = isArray ? undefined : Object.keys(container)
    const count = isArray ? container.length : keys!.length
    for (let index = 0; index < Math.min(count, MAX_CHILDREN); index++) {
      if (rows.length >= MAX_ROWS) return
      const key = keys ? keys[index]! : String(index)
      const path = prefix === '' ? key : `${prefix}.${key}`
      const child = (container as Record<string, unknown>)[key]
      const isExpandable = isContainer(child) && sizeOf(child) > 0
      const isExpanded = isExpandable && expanded.has(path)
      rows.push({
        path,
        key,
        depth,
        preview: previewOf(child),
        type: typeOf(child),
        isExpandable,
        isExpanded,
      })
      if (isExpanded) visit(child, path, depth + 1)
    }
    if (count > MAX_CHILDREN) rows.push(moreRow(`${prefix}.…`, `${count - MAX_CHILDREN} more`, depth))
  }
  if (isContainer(value)) visit(value, '', 0)
  if (rows.length >= MAX_ROWS) rows.push(moreRow('…', `more than ${MAX_ROWS} lines: collapse something`, 0))
  return rows
}

/** A value in one line of bounded length, read no further than that. */
export function previewOf(value: unknown): string {
  if (typeof value === 'string') {
    const quoted = JSON.stringify(value.slice(0, MAX_PREVIEW))
    return value.length > MAX_PREVIEW ? `${quoted.slice(0, -1)}… ${value.length} characters` : quoted
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    const isFlat = value.length <= 6 && value.every((item) => !isContainer(item))
    return isFlat ? cut(`[${value.map(previewOf).join(', ')}]`) : `[ ${value.length} ]`
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString()
  if (isContainer(value)) {
    const keys = Object.keys(value)
    if (keys.length === 0) return '{}'
    const shown = keys
      .slice(0, MAX_KEYS)
      .map((key) => fieldPreview(key, (value as Record<string, unknown>)[key]))
    const rest = keys.length > MAX_KEYS ? [`… ${keys.length - MAX_KEYS} more`] : []
    return cut(`{ ${[...shown, ...rest].join(', ')} }`)
  }
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  return String(value)
}

/** What a key holds, where that takes a few characters; else only the key. */
function fieldPreview(key: string, value: unknown): string {
  const isShort = typeof value === 'string' ? value.length <= 24 : !isContainer(value)
  return isShort ? `${key}: ${previewOf(value)}` : key
}

function cut(line: string): string {
  return line.length > MAX_PREVIEW ? `${line.slice(0, MAX_PREVIEW)}…` : line
}

function moreRow(path: string, preview: string, depth: number): ValueRow {
  return { path, key: '…', depth, preview, type: 'more', isExpandable: false, isExpanded: false }
}

function typeOf(value: unknown): ValueRow['type'] {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  if (isContainer(value)) return 'object'
  const type = typeof value
  return type === 'string' || type === 'number' || type === 'boolean' ? type : 'other'
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof Date) && !ArrayBuffer.isView(value)
}

function sizeOf(value: object): number {
  return Array.isArray(value) ? value.length : Object.keys(value).length
}
