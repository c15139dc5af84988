import type { TimelineEvent } from '../../timeline/timeline-event.js'
import { causeText, errorText, text } from './event-text.js'

export type BarKind = 'running' | 'ok' | 'failed' | 'aborted' | 'retry' | 'wait'

/** A stretch between two events; without `to` it goes on. */
export interface Bar {
  kind: BarKind
  readonly from: number
  to?: number
  /** What to say of it. */
  note?: string
}

export interface GanttRow {
  readonly id: string
  readonly kind: 'pipeline' | 'stage' | 'step' | 'wait'
  readonly label: string
  readonly depth: number
  readonly bars: Bar[]
  readonly children: GanttRow[]
  note?: string
}

/**
 * What ran when: a tree of pipelines, visits of stages, steps and waits, made of what the events say. An event that
 * fits nowhere is left out, so that a timeline with losses is shown as far as it goes.
 */
export function toGanttRows(events: readonly TimelineEvent[]): readonly GanttRow[] {
  const builder = new GanttBuilder()
  for (const event of events) builder.add(event)
  return builder.roots
}

/** The rows that are to be seen, top down: those in `collapsed` without what is below them. */
export function visibleRows(roots: readonly GanttRow[], collapsed: ReadonlySet<string>): readonly GanttRow[] {
  const rows: GanttRow[] = []
  const visit = (row: GanttRow) => {
    rows.push(row)
    if (!collapsed.has(row.id)) row.children.forEach(visit)
  }
  roots.forEach(visit)
  return rows
}

class GanttBuilder {
  readonly roots: GanttRow[] = []
  /** By path: '' is the run itself. */
  readonly #pipelines = new Map<string, GanttRow>()
  /** The latest visit, by the path of the stage. */
  readonly #stages = new Map<string, GanttRow>()
  readonly #steps = new Map<string, GanttRow>()
  readonly #waits = new Map<string, GanttRow>()

  add(event: TimelineEvent): void {
    const { type, payload, seq } = event
    const path = text(payload['path']) ?? ''
    if (type.startsWith('step:')) return this.#addStep(event, path)
    if (type.startsWith('stage:')) return this.#addStage(event, path)
    switch (type) {
      case 'pipeline:start':
        return this.#startPipeline(event, path)
      case 'pipeline:pause':
        return this.#startWait(event, path)
      case 'pipeline:resume': {
        const wait = this.#waits.get(path)
        const cause = causeText(payload['cause'])
        if (wait) {
          close(wait, seq, 'wait', cause)
          if (cause) wait.note = cause
        }
        this.#waits.delete(path)
        return
      }
      case 'pipeline:success':
      case 'pipeline:failure':
      case 'pipeline:abort':
        return this.#endPipeline(event, path)
      default:
    }
  }

  #startPipeline({ payload, seq }: TimelineEvent, path: string): void {
    const label = text(payload['pipelineId']) ?? 'pipeline'
    const { stage } = splitPath(path)
    const parent = path === '' ? undefined : this.#stages.get(stage)
    const index = path.slice(path.lastIndexOf('/') + 1)
    const row = createRow('pipeline', `p${seq}`, path === '' ? label : `${label} ${index}`, parent)
    row.bars.push({ kind: 'running', from: seq })
    this.#pipelines.set(path, row)
    if (parent) parent.children.push(row)
    else this.roots.push(row)
  }

  #endPipeline({ type, payload, seq }: TimelineEvent, path: string): void {
    const row = this.#pipelines.get(path)
    if (!row) return
    const kind = type === 'pipeline:success' ? 'ok' : type === 'pipeline:failure' ? 'failed' : 'aborted'
    const note = errorText(payload['error'])
    closeAll(row, seq, kind === 'ok' ? 'ok' : 'aborted')
    row.bars[0]!.kind = kind
    if (note) row.note = row.bars[0]!.note = note
    if (path !== '') return
    // A parked run ends while it waits; and nothing goes on after its end.
    this.#waits.clear()
    for (const root of this.roots) closeAll(root, seq, 'aborted')
  }

  #addStage({ type, payload, seq }: TimelineEvent, path: string): void {
    const stageId = text(payload['stageId']) ?? ''
    const key = join(path, stageId)
    if (type === 'stage:start') {
      const parent = this.#pipelines.get(path)
      const visit = Number(payload['visit'] ?? 1)
      const row = createRow('stage', `s${seq}`, stageId, parent)
      if (visit > 1) row.note = `visit ${visit}`
      row.bars.push({ kind: 'running', from: seq })
      this.#stages.set(key, row)
      for (const step of this.#steps.keys()) if (step.startsWith(`${key}/`)) this.#steps.delete(step)
      ;(parent?.children ?? this.roots).push(row)
      return
    }
    const row = this.#stages.get(key)
    if (!row) return
    const note = errorText(payload['error'])
    closeAll(row, seq, type === 'stage:success' ? 'ok' : 'aborted')
    close(row, seq, type === 'stage:success' ? 'ok' : 'failed', note)
    row.bars[0]!.kind = type === 'stage:success' ? 'ok' : 'failed'
    if (note) row.note = note
  }

  #addStep({ type, payload, seq }: TimelineEvent, path: string): void {
    const { stage } = splitStep(path)
    let row = this.#steps.get(path)
    if (!row) {
      const parent = this.#stages.get(stage)
      row = createRow('step', `t${seq}`, text(payload['stepId']) ?? path, parent)
      this.#steps.set(path, row)
      ;(parent?.children ?? this.roots).push(row)
    }
    const attempt = Number(payload['attempt'] ?? 1)
    const note = errorText(payload['error'])
    if (type === 'step:start') {
      close(row, seq, 'retry')
      row.bars.push({ kind: 'running', from: seq, ...(attempt > 1 ? { note: `attempt ${attempt}` } : {}) })
    } else if (type === 'step:success') {
      close(row, seq, 'ok')
      if (attempt > 1) row.note = `${attempt} attempts`
    } else if (type === 'step:failure') {
      close(row, seq, 'failed', note)
      if (note) row.note = note
    } else if (type === 'step:retry') {
      close(row, seq, 'failed', note)
      row.bars.push({ kind: 'retry', from: seq, ...(note ? { note } : {}) })
    }
  }

  #startWait({ payload, seq }: TimelineEvent, path: string): void {
    const parent = this.#pipelines.get(path)
    const kind = text(payload['kind'])
    const row = createRow('wait', `w${seq}`, 'waits', parent)
    if (kind) row.note = kind
    row.bars.push({ kind: 'wait', from: seq })
    this.#waits.set(path, row)
    ;(parent?.children ?? this.roots).push(row)
  }
}

function createRow(
  kind: GanttRow['kind'],
  id: string,
  label: string,
  parent: GanttRow | undefined,
): GanttRow {
  return { kind, id, label, depth: parent ? parent.depth + 1 : 0, bars: [], children: [] }
}

function close(row: GanttRow, seq: number, kind: BarKind, note?: string): void {
  const bar = row.bars.at(-1)
  if (!bar || bar.to !== undefined) return
  bar.to = seq
  bar.kind = bar.kind === 'retry' || bar.kind === 'wait' ? bar.kind : kind
  if (note) bar.note = note
}

/** Ends everything at or below a row that goes on. */
function closeAll(row: GanttRow, seq: number, kind: BarKind): void {
  close(row, seq, kind)
  for (const child of row.children) closeAll(child, seq, kind)
}

/** `fan/0` is child 0 of stage `fan`. */
function splitPath(path: string): { readonly stage: string } {
  return { stage: path.slice(0, Math.max(0, path.lastIndexOf('/'))) }
}

/** `fan/0/check/ask` is step `ask` of stage `fan/0/check`. */
function splitStep(path: string): { readonly stage: string } {
  return splitPath(path)
}

function join(path: string, id: string): string {
  return path === '' ? id : `${path}/${id}`
}
