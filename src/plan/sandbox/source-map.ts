import type { SourcePosition } from '../job-engine.js'

/** What of a source map is in use: version 3, and the `operations` that compilers of jobs add. */
interface SourceMap {
  readonly mappings: string
  readonly sourcesContent?: readonly (string | null)[]
}

/** Where a position stands in the source that a job was compiled from, with the line of that source if the map has it. */
export interface OriginalPosition extends SourcePosition {
  readonly sourceLine?: string
}

/** The place of the source for one of the generated text; nothing when the map does not tell. */
export function originalPosition(map: unknown, at: SourcePosition): OriginalPosition | undefined {
  if (!isSourceMap(map)) return undefined
  let [sourceIndex, line, column] = [0, 0, 0]
  let found: [source: number, line: number, column: number] | undefined
  const lines = map.mappings.split(';')
  for (let generatedLine = 0; generatedLine < Math.min(lines.length, at.line); generatedLine++) {
    let generatedColumn = 0
    for (const segment of lines[generatedLine]!.split(',')) {
      const [columns = 0, sources = 0, linesOn, columnsOn = 0] = decode(segment)
      generatedColumn += columns
      if (linesOn === undefined) continue
      sourceIndex += sources
      line += linesOn
      column += columnsOn
      if (generatedLine === at.line - 1 && generatedColumn <= at.column - 1)
        found = [sourceIndex, line, column]
    }
  }
  if (!found) return undefined
  const sourceLine = map.sourcesContent?.[found[0]]?.split('\n')[found[1]]
  return { line: found[1] + 1, column: found[2] + 1, ...(sourceLine === undefined ? {} : { sourceLine }) }
}

/** The name of the operation at an index, if the map has it. */
export function operationName(map: unknown, index: number): string | undefined {
  const operations = (map as { operations?: unknown } | null | undefined)?.operations
  const operation: unknown = Array.isArray(operations) ? operations[index] : undefined
  const name = (operation as { name?: unknown } | null | undefined)?.name
  return typeof name === 'string' ? name : undefined
}

function isSourceMap(map: unknown): map is SourceMap {
  return typeof map === 'object' && map !== null && typeof (map as SourceMap).mappings === 'string'
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** The numbers of a segment: base 64, five bits a digit, the lowest first, the sign in the lowest of all. */
function decode(segment: string): number[] {
  const numbers: number[] = []
  let [value, shift] = [0, 0]
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit)
    if (bits < 0) return numbers
    value += (bits & 31) << shift
    if (bits & 32) {
      shift += 5
      continue
    }
    numbers.push(value & 1 ? -(value >> 1) : value >> 1)
    value = shift = 0
  }
  return numbers
}
