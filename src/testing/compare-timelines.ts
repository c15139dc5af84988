import type { TimelineEvent } from '../timeline/timeline-event.js'

export interface CompareTimelinesOptions {
  /**
   * Names of fields that are not compared, wherever in a payload or delta they stand. Texts that are a UUID, or hold
   * one, are compared without it. @default ids of runs and events, instants, durations, stacks
   */
  readonly ignore?: readonly string[]
  /** Event types that are left out on both sides, such as `log:debug`. @default [] */
  readonly skip?: readonly string[]
}

/** One place where two timelines part. */
export interface TimelineDifference {
  readonly kind: 'missing' | 'unexpected' | 'changed'
  /** The event that was expected; absent when it is unexpected. */
  readonly expected?: TimelineEvent
  /** The event that came; absent when it is missing. */
  readonly actual?: TimelineEvent
  /** Where in a changed event the two differ, such as `payload.attempt`. */
  readonly paths: readonly string[]
}

export interface TimelineComparison {
  readonly isSame: boolean
  readonly differences: readonly TimelineDifference[]
  /** For people: one line per event around each difference. */
  readonly report: string
}

const IGNORED = [
  ...['id', 'runId', 'eventId', 'watchId', 'parentRunId', 'correlationId', 'causationId', 'idempotencyKey'],
  ...['timestamp', 'startedAt', 'pausedAt', 'dueAt', 'durationMs', 'delayMs', 'stack'],
]

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi

/** Beyond so many pairs, what is between the first and the last difference is compared in order, not aligned. */
const MAX_PAIRS = 4_000_000

/**
 * Compares a recorded timeline with that of a new run: which events came, in which order, what they said and which
 * changes of state they brought. Ids, instants and snapshots are not compared.
 */
export function compareTimelines(
  expected: readonly TimelineEvent[],
  actual: readonly TimelineEvent[],
  { ignore = IGNORED, skip = [] }: CompareTimelinesOptions = {},
): TimelineComparison {
  const ignored = new Set(ignore)
  const prepare = (events: readonly TimelineEvent[]): Prepared[] =>
    events.filter(({ type }) => !skip.includes(type)).map((event) => prepareEvent(event, ignored))
  const pairs = align(prepare(expected), prepare(actual))
  const differences = pairs.flatMap((pair) => toDifference(pair) ?? [])
  return { isSame: differences.length === 0, differences, report: toReport(pairs) }
}

interface Prepared {
  readonly event: TimelineEvent
  /** What makes two events the same event, even when they differ in detail. */
  readonly name: string
  readonly content: Record<string, unknown>
  readonly text: string
}

type Pair = readonly [expected: Prepared | undefined, actual: Prepared | undefined]

function prepareEvent(event: TimelineEvent, ignored: ReadonlySet<string>): Prepared {
  const { source, type, payload, delta } = event
  const content = normalize({ source, payload, delta }, ignored) as Record<string, unknown>
  const { path, pipelineId, stageId, stepId } = payload
  const where = [pipelineId, path ?? stageId, stepId].filter((id) => typeof id === 'string')
  return { event, name: [type, ...where].join(' '), content, text: JSON.stringify(content) }
}

/** Plain data with its keys in order, and without what is not compared. */
function normalize(value: unknown, ignored: ReadonlySet<string>): unknown {
  if (typeof value === 'string') return value.replace(UUID, '<id>')
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => normalize(item, ignored))
  const object = value as Record<string, unknown>
  const keys = Object.keys(object).filter((key) => !ignored.has(key) && object[key] !== undefined)
  return Object.fromEntries(keys.sort().map((key) => [key, normalize(object[key], ignored)]))
}

/** Pairs events of the same name so that as many as possible keep their order. */
function align(expected: readonly Prepared[], actual: readonly Prepared[]): readonly Pair[] {
  let start = 0
  while (start < expected.length && start < actual.length && isSame(expected[start]!, actual[start]!)) start++
  let end = 0
  const longest = Math.min(expected.length, actual.length) - start
  while (end < longest && isSame(expected.at(-1 - end)!, actual.at(-1 - end)!)) end++
  const left = expected.slice(start, expected.length - end)
  const right = actual.slice(start, actual.length - end)
  const middle = left.length * right.length > MAX_PAIRS ? inOrder(left, right) : longestCommon(left, right)
  const before = expected.slice(0, start).map((each, index): Pair => [each, actual[index]])
  const after = expected
    .slice(expected.length - end)
    .map((each, index): Pair => [each, actual[actual.length - end + index]])
  return [...before, ...middle, ...after]
}

function isSame(a: Prepared, b: Prepared): boolean {
  return a.name === b.name && a.text === b.text
}

function longestCommon(left: readonly Prepared[], right: readonly Prepared[]): Pair[] {
  const width = right.length + 1
  // Twice the length, so that of two ways the one with more equal contents wins.
  const best = new Uint32Array((left.length + 1) * width)
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      const skipped = Math.max(best[(i + 1) * width + j]!, best[i * width + j + 1]!)
      best[i * width + j] = Math.max(skipped, scoreOf(left[i]!, right[j]!, best[(i + 1) * width + j + 1]!))
    }
  }
  const pairs: Pair[] = []
  let i = 0
  let j = 0
  while (i < left.length && j < right.length) {
    const here = best[i * width + j]!
    if (here === best[(i + 1) * width + j]) pairs.push([left[i++], undefined])
    else if (here === best[i * width + j + 1]) pairs.push([undefined, right[j++]])
    else pairs.push([left[i++], right[j++]])
  }
  for (; i < left.length; i++) pairs.push([left[i], undefined])
  for (; j < right.length; j++) pairs.push([undefined, right[j]])
  return pairs
}

function scoreOf(a: Prepared, b: Prepared, rest: number): number {
  return a.name === b.name ? rest + 2 + Number(a.text === b.text) : 0
}

function inOrder(left: readonly Prepared[], right: readonly Prepared[]): Pair[] {
  const pairs: Pair[] = []
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const a = left[index]
    const b = right[index]
    if (a && b && a.name !== b.name) pairs.push([a, undefined], [undefined, b])
    else pairs.push([a, b])
  }
  return pairs
}

function toDifference([expected, actual]: Pair): TimelineDifference | undefined {
  if (!actual) return { kind: 'missing', expected: expected!.event, paths: [] }
  if (!expected) return { kind: 'unexpected', actual: actual.event, paths: [] }
  if (expected.text === actual.text) return undefined
  const paths = [...differingPaths(expected.content, actual.content, '')]
  return { kind: 'changed', expected: expected.event, actual: actual.event, paths }
}

function* differingPaths(a: unknown, b: unknown, path: string): Generator<string> {
  if (JSON.stringify(a) === JSON.stringify(b)) return
  if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) {
    yield path
    return
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    yield* differingPaths(a[key], b[key], path === '' ? key : `${path}.${key}`)
  }
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Events before and after a difference that are shown with it. */
const AROUND = 2

function toReport(pairs: readonly Pair[]): string {
  const differs = pairs.map((pair) => toDifference(pair) !== undefined)
  const count = differs.filter(Boolean).length
  if (count === 0) return `The timelines are the same: ${pairs.length} events`
  const lines = [`The timelines differ in ${count} of ${pairs.length} events (- expected, + actual)`]
  let skipped = 0
  pairs.forEach((pair, index) => {
    if (!differs.slice(Math.max(0, index - AROUND), index + AROUND + 1).includes(true)) return void skipped++
    if (skipped > 0) lines.push(`  … ${skipped} the same`)
    skipped = 0
    lines.push(...toLines(pair))
  })
  if (skipped > 0) lines.push(`  … ${skipped} the same`)
  return lines.join('\n')
}

function toLines(pair: Pair): readonly string[] {
  const [expected, actual] = pair
  const difference = toDifference(pair)
  if (!difference) return [`  ${expected!.event.seq} ${expected!.name}`]
  if (!actual) return [`- ${expected!.event.seq} ${expected!.name} ${shortened(expected!.content.payload)}`]
  if (!expected) return [`+ ${actual.event.seq} ${actual.name} ${shortened(actual.content.payload)}`]
  return [
    `~ ${expected.event.seq} ${expected.name}`,
    ...difference.paths.flatMap((path) => [
      `    - ${path}: ${shortened(valueAt(expected.content, path))}`,
      `    + ${path}: ${shortened(valueAt(actual.content, path))}`,
    ]),
  ]
}

function valueAt(content: unknown, path: string): unknown {
  let value: unknown = content
  for (const key of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[key]
  return value
}

function shortened(value: unknown): string {
  const text = value === undefined ? '(absent)' : JSON.stringify(value)
  return text.length <= 160 ? text : `${text.slice(0, 160)}…`
}
