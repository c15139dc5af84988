import type { SourcePosition } from './job-engine.js'

/** The file name under which engines report job text. */
const JOB_TEXT = 'vm:module(0)'

/** Where a frame of a stack points to: `at f (file:12:7)` is line 12, column 7. */
export function extractPositionForFrame(frame: string): SourcePosition | undefined {
  const match = /:(\d{1,9}):(\d{1,9})\)?\s*$/.exec(frame.slice(-MAX_FRAME))
  return match ? { line: Number(match[1]), column: Number(match[2]) } : undefined
}

/** Where an error happened: its first frame of job text, else its first frame. */
export function extractPosition(error: unknown): SourcePosition | undefined {
  const frames = framesOf(error)
  const frame = frames.find((each) => each.includes(JOB_TEXT)) ?? frames[0]
  return frame === undefined ? undefined : extractPositionForFrame(frame)
}

/** The frames of a stack that are job text, below the message. */
export function extractStackTrace(error: unknown): string | undefined {
  const frames = framesOf(error).filter((each) => each.includes(JOB_TEXT))
  if (frames.length === 0) return undefined
  return [stackOf(error)!.split('\n', 1)[0]!, ...frames].join('\n')
}

/** Whether an error was thrown by code of an installed module. */
export function isModuleFrame(error: unknown): boolean {
  return framesOf(error)[0]?.includes('/node_modules/') ?? false
}

/** Longer stacks, and longer lines of them, are not made by engines. */
const MAX_STACK = 20_000
const MAX_FRAME = 2_000

function framesOf(error: unknown): readonly string[] {
  const lines = stackOf(error)?.slice(0, MAX_STACK).split('\n') ?? []
  return lines.filter((line) => /^\s+at /.test(line))
}

function stackOf(error: unknown): string | undefined {
  try {
    const stack: unknown = (error as { stack?: unknown } | null | undefined)?.stack
    return typeof stack === 'string' ? stack : undefined
  } catch {
    return undefined
  }
}
