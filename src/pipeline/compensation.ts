import type { StateObject } from '../state/change.js'
import type { LedgerEntry } from './checkpoint.js'
import type { CompiledPipeline, CompiledStep } from './compiled-pipeline.js'

/** The next thing to undo: a step's compensation, and where the step stands in the run. */
export interface Undo {
  readonly compensation: CompiledStep
  readonly pipelineId: string
  readonly stageId: string
  readonly pipelinePath: string
  readonly path: string
  /** `key` of the visit below the run's id. */
  readonly visitKey: string
  /** The state of the pipeline the step belongs to, as it is now. */
  readonly state: StateObject
  /** The ledger without this entry. `state` replaces that of a child; for the pipeline itself its owner keeps it. */
  done(state: StateObject): readonly LedgerEntry[]
  /** Whether the step belongs to the pipeline itself, not to a child of it. */
  readonly isOwn: boolean
}

/** Where a pipeline stands: as a path for people, and as a key in which visits are told apart. */
export interface Place {
  readonly path: string
  readonly key: string
}

/**
 * The newest entry of a ledger, at whatever depth, or `undefined` when nothing is left to undo. Entries whose stage or
 * step a new version of the workflow no longer has are passed over.
 */
export function newestUndo(
  ledger: readonly LedgerEntry[],
  pipeline: CompiledPipeline,
  place: Place,
  state: StateObject,
): Undo | undefined {
  for (let last = ledger.length - 1; last >= 0; last--) {
    const entry = ledger[last]!
    const before = ledger.slice(0, last)
    const stage = pipeline.stage(entry.stageId)
    const path = joinPath(place.path, entry.stageId)
    const visitKey = `${place.key}${entry.stageId}.${entry.visit}`
    if ('child' in entry) {
      const { child } = entry
      const inner = stage?.children[child.pipeline]
      const innerPlace = { path: `${path}/${child.index}`, key: `${visitKey}/${child.index}/` }
      const undo = inner && newestUndo(child.ledger, inner, innerPlace, child.state)
      if (!undo) continue
      const done = (next: StateObject): readonly LedgerEntry[] => [
        ...before,
        { ...entry, child: { ...child, state: undo.isOwn ? next : child.state, ledger: undo.done(next) } },
      ]
      return { ...undo, isOwn: false, done }
    }
    const compensation = stage?.steps.find(({ id }) => id === entry.stepId)?.compensation
    if (!compensation) continue
    return {
      compensation,
      pipelineId: pipeline.id,
      stageId: entry.stageId,
      pipelinePath: place.path,
      path,
      visitKey,
      state,
      isOwn: true,
      done: () => before,
    }
  }
  return undefined
}

export function joinPath(path: string, part: string | number): string {
  return path === '' ? String(part) : `${path}/${part}`
}
