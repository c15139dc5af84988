import type { BusEvent } from '../core/bus-event.js'
import { freezePlainData } from '../core/plain-data.js'
import { SystemError } from '../core/system-error.js'
import { type Change, type StateObject, fromPartial, toChange } from '../state/change.js'
import type { ChildAddress } from './address.js'
import type { CompiledPipeline, CompiledStage } from './compiled-pipeline.js'
import type { ChildResult } from './pipeline-definition.js'

/** A child that is about to start. */
export interface ChildStart {
  /** Which of the stage's pipelines it runs. */
  readonly pipeline: number
  readonly state: StateObject
  /** Where it begins, when not at its first stage. */
  readonly at?: ChildAddress
}

/** The children of a stage in their order, each on a state of its own. Throws what the application's functions throw. */
export function forkChildren(
  stage: CompiledStage,
  { id: pipelineId }: CompiledPipeline,
  event: BusEvent,
  parent: StateObject,
  at: ChildAddress | undefined,
): readonly ChildStart[] {
  const place = (index: number) => (at?.index === index ? { at } : {})
  if (!stage.forEach) {
    return stage.children.map((child, index) => ({
      pipeline: index,
      state: child.initialState(event, parent),
      ...place(index),
    }))
  }
  const items: unknown = stage.forEach(parent)
  if (!Array.isArray(items)) {
    throw new SystemError('VALIDATION', `forEach of stage "${stage.id}" must return an array`, {
      context: { pipelineId, stageId: stage.id },
    })
  }
  const [child] = stage.children
  return items.map((item: unknown, index) => {
    const state = { ...child!.initialState(event, parent), item: freezePlainData(item, `item`), index }
    return { pipeline: 0, state: Object.freeze(state), ...place(index) }
  })
}

/** What the ended children do to their parent's state, and how its router sees them. */
export function joinChildren(
  stage: CompiledStage,
  parent: StateObject,
  ended: readonly ChildResult[],
): { readonly change: Change | undefined; readonly results: Readonly<Record<string, ChildResult>> } {
  const failed = ended.filter((result) => !result.ok)
  if (failed.length > 0 && !stage.collects) throw childrenFailed(stage, ended.length, failed)
  const { merge } = stage
  const change = merge
    ? toChange(parent, (draft: never) => merge(draft, ended))
    : fromPartial(parent, mergeByDefault(stage, ended))
  const key = (result: ChildResult) => (stage.forEach ? String(result.index) : result.id)
  return { change, results: Object.fromEntries(ended.map((result) => [key(result), result])) }
}

function mergeByDefault(stage: CompiledStage, results: readonly ChildResult[]): StateObject {
  if (stage.forEach) {
    return { [stage.children[0]!.id]: results.map((result) => (result.ok ? result.state : null)) }
  }
  return Object.fromEntries(results.flatMap((result) => (result.ok ? [[result.id, result.state]] : [])))
}

function childrenFailed(
  stage: CompiledStage,
  total: number,
  failed: readonly (ChildResult & { ok: false })[],
): SystemError {
  // A child that was only ended because another failed is not what went wrong.
  const causes = failed.filter(({ error }) => error.code !== 'ABORTED')
  const errors = (causes.length > 0 ? causes : failed).map(({ error }) => error)
  return new SystemError(
    'EXECUTION_FAILED',
    `Stage "${stage.id}" failed: ${failed.length} of ${total} children did not succeed: ${errors[0]!.message}`,
    { cause: errors[0], errors, context: { stageId: stage.id } },
  )
}
