import type { JobFault, SourcePosition, ThrownValue } from '../job-engine.js'
import { JOB_MODULE } from './realm-script.js'
import { operationName, originalPosition } from './source-map.js'

/** What is known of the text in which something went wrong. */
export interface FaultyText {
  /** How the text is called in stacks. @default JOB_MODULE */
  readonly module?: string
  readonly sourceMap?: unknown
  /** Of the operation that failed. */
  readonly operation?: number
  /** How many characters stand before the text on its first line. @default 0 */
  readonly prefixLength?: number
}

/**
 * Adds to a fault where it came from: position, frames of job text, and what a source map knows. Of stacks only frames of
 * job text are left, as the others tell of the host.
 */
export function locateFault(fault: JobFault, text: FaultyText): JobFault {
  const { module = JOB_MODULE, sourceMap, prefixLength = 0 } = text
  const { thrown } = fault
  const frames = framesOf(thrown?.error?.stack, module)
  const [first] = frames
  const shift = first && first.line === 1 ? prefixLength : 0
  const place = first && { line: first.line, column: Math.max(1, first.column - shift) }
  const original = place && originalPosition(sourceMap, place)
  const position = original ? { line: original.line, column: original.column } : place
  const isOfModule = thrown?.fromModule === true || beginsInFile(thrown?.error?.stack)
  const name = isOfModule && !first ? operationName(sourceMap, text.operation ?? 0) : undefined
  return {
    ...fault,
    ...(thrown?.error
      ? { thrown: { ...withFrames(thrown, frames), ...(isOfModule ? { fromModule: true } : {}) } }
      : {}),
    ...(position ? { position } : {}),
    ...(original?.sourceLine === undefined ? {} : { sourceLine: original.sourceLine }),
    ...(frames.length > 0 ? { stack: frames.map(({ text: frame }) => frame).join('\n') } : {}),
    ...(name === undefined ? {} : { operationName: name }),
  }
}

/** Whether the first frame of a stack is of a module that was imported from disk. */
function beginsInFile(stack: string | undefined): boolean {
  const first = stack?.split('\n').find((line) => line.startsWith('    at '))
  return first?.includes('file://') === true
}

interface Frame extends SourcePosition {
  readonly text: string
}

/** More frames than that say nothing new. */
const MAX_FRAMES = 20

function framesOf(stack: string | undefined, module: string): Frame[] {
  const frames: Frame[] = []
  for (const line of stack?.split('\n') ?? []) {
    const at = line.indexOf(`${module}:`)
    const [, row, column] = /^(\d+)(?::(\d+))?/.exec(at < 0 ? '' : line.slice(at + module.length + 1)) ?? []
    if (row === undefined || frames.length >= MAX_FRAMES) continue
    frames.push({ line: Number(row), column: Number(column ?? 1), text: `    ${line.trim()}` })
  }
  return frames
}

function withFrames(thrown: ThrownValue, frames: readonly Frame[]): ThrownValue {
  const error = thrown.error!
  const stack = [`${error.name}: ${error.message}`, ...frames.map(({ text }) => text)].join('\n')
  return { ...thrown, error: { ...error, stack } }
}
