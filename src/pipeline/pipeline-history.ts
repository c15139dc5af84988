import { type SystemError, serializeError } from '../core/system-error.js'
import type { StateObject } from '../state/change.js'
import type { PipelineStatus, Wait } from './checkpoint.js'
import type { CompiledPipeline } from './compiled-pipeline.js'
import { pipelinePayload } from './recorded-payloads.js'
import type { ResumeCause } from './resume-cause.js'
import type { RunHost } from './run-host.js'
import { waitDeadline } from './wait.js'

const ENDS = { succeeded: 'success', failed: 'failure', aborted: 'abort' } as const

/** What a pipeline puts on the timeline about itself. Nothing is put together where nothing is recorded. */
export class PipelineHistory {
  readonly #pipeline: CompiledPipeline
  readonly #host: RunHost
  readonly #path: string

  constructor(pipeline: CompiledPipeline, host: RunHost, path: string) {
    this.#pipeline = pipeline
    this.#host = host
    this.#path = path
  }

  /** Absent where nothing is recorded. */
  get record(): ((type: string, payload: Readonly<Record<string, unknown>>) => void) | undefined {
    return this.#host.record && ((type, payload) => this.#record(type, payload))
  }

  started(state: StateObject): void {
    if (this.#path !== '') return this.#record('pipeline:start')
    this.#host.record?.('pipeline', 'pipeline:start', pipelinePayload(this.#pipeline), { state })
  }

  paused(wait: Wait): void {
    if (!this.#host.record) return
    const { stageId, kind, until = this.#pipeline.stage(stageId)?.watch } = wait
    const dueAt = waitDeadline(wait)
    this.#record('pipeline:pause', {
      stageId,
      kind,
      ...(until && kind === 'pause' ? { events: until.events ?? [until.event] } : {}),
      ...(dueAt === Infinity ? {} : { dueAt }),
    })
  }

  resumed(cause: ResumeCause): void {
    this.#record('pipeline:resume', { cause })
  }

  ended(status: Exclude<PipelineStatus, 'running' | 'paused'>, error: SystemError | undefined): void {
    if (!this.#host.record) return
    const type = `pipeline:${ENDS[status]}`
    if (error) this.#record(type, { error: serializeError(error) })
    else this.#record(type)
  }

  #record(type: string, payload?: Readonly<Record<string, unknown>>): void {
    const { record } = this.#host
    if (!record) return
    if (!payload && this.#path === '') return record('pipeline', type, pipelinePayload(this.#pipeline))
    const path = this.#path === '' ? {} : { path: this.#path }
    record('pipeline', type, { pipelineId: this.#pipeline.id, ...path, ...payload })
  }
}
