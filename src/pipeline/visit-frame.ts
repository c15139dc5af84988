import type { StateObject } from '../state/change.js'
import type { StageFrame } from './attempt.js'
import { joinPath } from './compensation.js'
import type { StageCycleHost, StageVisit } from './stage-cycle.js'

/**
 * What the steps of a visit have in common. Only the snapshot is taken; paths and keys are put together when a step
 * asks for them, which most never do.
 */
export class VisitFrame implements StageFrame {
  readonly snapshot: StateObject
  readonly #owner: StageCycleHost
  readonly #visit: StageVisit

  constructor(owner: StageCycleHost, visit: StageVisit) {
    this.snapshot = owner.live.value
    this.#owner = owner
    this.#visit = visit
  }

  get host() {
    return this.#owner.host
  }
  get pipelineId() {
    return this.#owner.pipeline.id
  }
  get stageId() {
    return this.#visit.stage.id
  }
  get pipelinePath() {
    return this.#owner.place.path
  }
  get path() {
    return joinPath(this.pipelinePath, this.stageId)
  }
  get visitKey() {
    return `${this.host.runId}/${this.#owner.place.key}${this.stageId}.${this.#visit.visit}`
  }
  get resume() {
    return this.#visit.resume
  }
  get interruptions() {
    return this.#visit.interruptions
  }
}
