import type { CompiledPipeline, CompiledStage, CompiledStep } from './compiled-pipeline.js'

/** What an event of the timeline says. */
export type RecordedPayload = Readonly<Record<string, unknown>>

/** What is said of the first visit of a stage, when the stage is one of the run itself. */
interface StagePayloads {
  readonly visit: RecordedPayload
  readonly commit: RecordedPayload
  /** By the stage that the router chose. */
  readonly routed: Map<string | undefined, RecordedPayload>
}

/*
 * Most of what a run puts on its timeline is what every run puts there: the first visit of a stage, the first attempt of
 * a step, of the run itself rather than of a child. That is put together once per registration, frozen and shared.
 */
const byPipeline = new WeakMap<CompiledPipeline, RecordedPayload>()
const byStage = new WeakMap<CompiledStage, StagePayloads>()
const byStep = new WeakMap<CompiledStep, RecordedPayload>()

export function pipelinePayload(pipeline: CompiledPipeline): RecordedPayload {
  let payload = byPipeline.get(pipeline)
  if (!payload) byPipeline.set(pipeline, (payload = Object.freeze({ pipelineId: pipeline.id })))
  return payload
}

export function stagePayloads(stage: CompiledStage, pipelineId: string): StagePayloads {
  let payloads = byStage.get(stage)
  if (!payloads) {
    payloads = {
      visit: Object.freeze({ pipelineId, stageId: stage.id, visit: 1 }),
      commit: Object.freeze({ stageId: stage.id }),
      routed: new Map(),
    }
    byStage.set(stage, payloads)
  }
  return payloads
}

/** What is said of a router that let the run go on; `next` is absent where that is the end. */
export function routedPayload(stage: CompiledStage, pipelineId: string, next?: string): RecordedPayload {
  const { routed } = stagePayloads(stage, pipelineId)
  let payload = routed.get(next)
  if (!payload) {
    payload = Object.freeze({ pipelineId, stageId: stage.id, ...(next === undefined ? {} : { next }) })
    routed.set(next, payload)
  }
  return payload
}

/** @param make Called for the first attempt in this process. */
export function stepPayload(step: CompiledStep, make: () => RecordedPayload): RecordedPayload {
  let payload = byStep.get(step)
  if (!payload) byStep.set(step, (payload = Object.freeze(make())))
  return payload
}
