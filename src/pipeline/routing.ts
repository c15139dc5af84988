import { SystemError, describe } from '../core/system-error.js'
import type { ChildAddress } from './address.js'
import type { CompiledPipeline, CompiledStage } from './compiled-pipeline.js'
import type { Wait } from './checkpoint.js'
import type { Instruction, PauseOptions } from './instruction.js'
import { createWait } from './wait.js'

/** How a stage is entered, when not as a whole. */
export interface StageEntry {
  readonly step?: string
  readonly pipeline?: ChildAddress
}

/** Where a pipeline goes after a stage: to another one, to sleep, or to its end when `next` is absent. */
export interface Move {
  readonly next: CompiledStage | undefined
  readonly entry?: StageEntry
  readonly wait?: Wait
}

/**
 * Reads what a router returned.
 *
 * @throws {SystemError} `NOT_FOUND` when it leads to a stage, step or child that does not exist, `VALIDATION` when it is no
 *   instruction at all.
 */
export function toMove(
  decision: unknown,
  pipeline: CompiledPipeline,
  from: CompiledStage,
  now: number,
): Move {
  if (typeof decision === 'string') return { next: find(pipeline, decision, from) }
  const instruction = decision as Instruction | undefined | null
  switch (instruction?.type) {
    case 'advance':
      return { next: pipeline.stages[from.index + 1] }
    case 'jump':
      return { next: find(pipeline, instruction.stageId, from) }
    case 'jumpTo':
      return enter(pipeline, instruction.address, from)
    case 'terminate':
      return { next: undefined }
    case 'pause':
      return sleep(pipeline, instruction, from, now)
    default:
      throw new SystemError(
        'VALIDATION',
        `The router of stage "${from.id}" returned ${describe(decision)}: return a stage id, advance(), jump(), jumpTo(), terminate() or pause()`,
        { context: { pipelineId: pipeline.id, stageId: from.id } },
      )
  }
}

/** The first move of a pipeline that is entered at an address. */
export function enter(pipeline: CompiledPipeline, address: unknown, from?: CompiledStage): Move {
  const { stage: stageId, step, pipeline: child } = (address ?? {}) as Partial<ChildAddress>
  const stage = find(pipeline, stageId, from)
  if (step !== undefined && !stage.steps.some(({ id }) => id === step)) {
    throw unknown(pipeline, from, `step "${step}" of stage "${stage.id}"`)
  }
  if (child === undefined) return { next: stage, ...(step === undefined ? {} : { entry: { step } }) }
  const target = stage.forEach ? stage.children[0] : stage.children[child.index]
  if (!target) throw unknown(pipeline, from, `child ${child.index} of stage "${stage.id}"`)
  enter(target, child, undefined)
  return { next: stage, entry: { pipeline: child } }
}

function sleep(pipeline: CompiledPipeline, options: PauseOptions, from: CompiledStage, now: number): Move {
  const wait = createWait(options, from.id, now)
  const { resumeAt } = options
  return {
    next: resumeAt === undefined ? pipeline.stages[from.index + 1] : find(pipeline, resumeAt, from),
    wait,
  }
}

function find(pipeline: CompiledPipeline, id: unknown, from: CompiledStage | undefined): CompiledStage {
  const stage = typeof id === 'string' ? pipeline.stage(id) : undefined
  if (stage) return stage
  throw unknown(pipeline, from, `stage ${typeof id === 'string' ? `"${id}"` : describe(id)}`)
}

function unknown(pipeline: CompiledPipeline, from: CompiledStage | undefined, what: string): SystemError {
  const known = pipeline.stages.map(({ id }) => id).join(', ')
  return new SystemError(
    'NOT_FOUND',
    `Pipeline "${pipeline.id}" has no ${what}${from ? `, where stage "${from.id}" wants to go` : ''}: its stages are ${known}`,
    { context: { pipelineId: pipeline.id, ...(from ? { stageId: from.id } : {}) } },
  )
}
