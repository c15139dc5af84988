import type { TimelineEvent } from '../../timeline/timeline-event.js'

/** What a piece of a bar stands for. */
export type SegmentKind =
  /** A stage is under way: the frame around its steps. */
  | 'stage'
  /** An attempt that succeeded. */
  | 'done'
  /** An attempt that failed. */
  | 'failed'
  /** An attempt that was cut off: the run was aborted, or the stage had no time left. */
  | 'cut'
  /** The time between a failed attempt and the next. */
  | 'backoff'
  /** The run sleeps. */
  | 'asleep'
  /** A committed step is undone. */
  | 'undone'

export interface Segment {
  readonly kind: SegmentKind
  /** Milliseconds since the start of the run. */
  readonly from: number
  readonly to: number
}

/** A stage, step, child or pause of a run, and when it was under way. */
export interface TimelineRow {
  readonly label: string
  readonly depth: number
  readonly segments: readonly Segment[]
  /** How often it was retried, what woke it up, and the like. */
  readonly notes: readonly string[]
}

/** The events of one run as the rows of a chart: stages in order, below each its steps or its children. */
export function toTimelineRows(events: readonly TimelineEvent[]): readonly TimelineRow[] {
  const chart = new Chart()
  const startedAt = events[0]?.timestamp ?? 0
  for (const event of events) chart.add(event, event.timestamp - startedAt)
  return chart.root.children.flatMap((node) => toRows(node, 0))
}

interface Node {
  label: string
  readonly children: Node[]
  readonly segments: { kind: SegmentKind; readonly from: number; to: number }[]
  readonly wakings: string[]
  retries: number
  visits: number
}

function createNode(label: string): Node {
  return { label, children: [], segments: [], wakings: [], retries: 0, visits: 0 }
}

/**
 * A tree of what has happened, by path: `check` is a stage, `check/1` its second child, `check/1/judge` a stage of that.
 * A pause stands beside its stage as `draft~pause`, what undoes a step beside the step as `release/switch~undo`.
 */
class Chart {
  readonly root = createNode('')
  readonly #nodes = new Map([['', this.root]])
  /** Paths of what is under way: its last segment is still growing. */
  readonly #open = new Set<string>()
  #now = 0

  add({ type, payload }: TimelineEvent, now: number): void {
    this.#now = now
    const at = typeof payload['path'] === 'string' ? payload['path'] : ''
    const stage = at === '' ? String(payload['stageId']) : `${at}/${String(payload['stageId'])}`
    switch (type) {
      case 'stage:start':
        this.#begin(stage, 'stage').visits++
        break
      case 'stage:success':
      case 'stage:failure':
        this.#endAll(stage)
        break
      case 'step:start':
        if (this.#open.has(parentOf(at))) this.#begin(at, 'cut')
        else this.#beginUndo(at, String(payload['stepId']))
        break
      case 'step:success':
        this.#end(at, 'done')
        this.#end(`${at}~undo`)
        break
      case 'step:retry':
        this.#end(at, 'failed')
        this.#begin(at, 'backoff').retries++
        break
      case 'step:failure':
        this.#end(at, 'failed')
        this.#end(`${at}~undo`, 'failed')
        break
      case 'pipeline:pause':
        this.#begin(`${stage}~pause`, 'asleep').label = 'asleep'
        break
      case 'pipeline:resume':
        this.#wakeUp(at, wokenBy(payload['cause']))
        break
      case 'pipeline:success':
      case 'pipeline:failure':
      case 'pipeline:abort':
        this.#endAll(at)
    }
  }

  /** A step that runs while its stage does not is a compensation: whatever was under way has been cut off. */
  #beginUndo(path: string, stepId: string): void {
    this.#endAll('')
    this.#begin(`${path}~undo`, 'undone').label = `undo ${stepId}`
  }

  #wakeUp(pipelinePath: string, waking: string): void {
    for (const path of this.#open) {
      if (!path.endsWith('~pause') || parentOf(path) !== pipelinePath) continue
      this.#nodeAt(path).wakings.push(waking)
      this.#end(path)
    }
  }

  #begin(path: string, kind: SegmentKind): Node {
    this.#end(path)
    const node = this.#nodeAt(path)
    node.segments.push({ kind, from: this.#now, to: this.#now })
    this.#open.add(path)
    return node
  }

  #end(path: string, kind?: SegmentKind): void {
    if (!this.#open.delete(path)) return
    const segment = this.#nodeAt(path).segments.at(-1)!
    segment.to = this.#now
    if (kind) segment.kind = kind
  }

  /** Ends what is under way at a path and below. */
  #endAll(path: string): void {
    for (const each of this.#open) {
      if (path === '' || each === path || each.startsWith(`${path}/`)) this.#end(each)
    }
  }

  #nodeAt(path: string): Node {
    let node = this.#nodes.get(path)
    if (!node) {
      const name = path.slice(parentOf(path).length).replace('/', '')
      node = createNode(/^\d+$/.test(name) ? `#${Number(name) + 1}` : name)
      this.#nodeAt(parentOf(path)).children.push(node)
      this.#nodes.set(path, node)
    }
    return node
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** What is alone below another shares its row: a stage of one step is one row, and named once if they are namesakes. */
function toRows(node: Node, depth: number, label = node.label, visits = node.visits): TimelineRow[] {
  const [only] = node.children
  if (only && node.children.length === 1) {
    const both = only.label === node.label ? label : `${label} ${only.label}`
    return toRows(only, depth, both, Math.max(visits, only.visits))
  }
  const notes = [
    ...(visits > 1 ? [`${visits} visits`] : []),
    ...(node.retries > 0 ? [`${node.retries} ${node.retries === 1 ? 'retry' : 'retries'}`] : []),
    ...summarize(node.wakings),
  ]
  return [
    { label, depth, segments: node.segments, notes },
    ...node.children.flatMap((child) => toRows(child, depth + 1)),
  ]
}

/** The same note once, with how often it holds. */
function summarize(notes: readonly string[]): string[] {
  return [...new Set(notes)].map((note) => {
    const times = notes.filter((each) => each === note).length
    return times > 1 ? `${note} (${times}×)` : note
  })
}

function wokenBy(cause: unknown): string {
  const { kind, event } = (cause ?? {}) as {
    readonly kind?: string
    readonly event?: { readonly type?: string }
  }
  if (kind === 'event') return `woken by ${event?.type}`
  return kind === 'timeout' ? 'woken by the clock' : 'woken by hand'
}
