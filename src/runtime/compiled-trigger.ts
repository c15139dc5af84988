import type { BusEvent } from '../core/bus-event.js'
import { type StandardSchema, checkSchema } from '../core/standard-schema.js'
import { type CompiledPipeline, compilePipeline } from '../pipeline/compiled-pipeline.js'
import type { AnyWorkflow } from './workflow-definition.js'

/** A trigger as the runtime uses it, with the pipeline it starts. */
export interface CompiledTrigger {
  readonly id: string
  readonly eventType: string
  readonly schedule: { readonly cron: string; readonly timeZone?: string } | undefined
  readonly when: ((event: BusEvent) => boolean) | undefined
  readonly schema: StandardSchema | undefined
  readonly key: ((event: BusEvent) => string | undefined) | undefined
  readonly pipelineKey: string
  readonly pipeline: CompiledPipeline
}

/** The triggers of a workflow that was found valid. Triggers of one pipeline share it. */
export function compileTriggers({ triggers, pipelines }: AnyWorkflow): ReadonlyMap<string, CompiledTrigger> {
  const compiled = new Map(Object.entries(pipelines).map(([key, each]) => [key, compilePipeline(each)]))
  const [onlyKey] = compiled.keys()
  return new Map(
    Object.entries(triggers).map(([id, trigger]) => {
      const pipelineKey = findPipelineKey(trigger.pipeline, pipelines) ?? onlyKey!
      const { schedule } = trigger
      return [
        id,
        {
          id,
          eventType: trigger.event ?? 'schedule:due',
          schedule: typeof schedule === 'string' ? { cron: schedule } : schedule,
          when: trigger.when as CompiledTrigger['when'],
          schema: trigger.schema,
          key: trigger.key as CompiledTrigger['key'],
          pipelineKey,
          pipeline: compiled.get(pipelineKey)!,
        },
      ]
    }),
  )
}

/** A trigger names a pipeline by its key in the workflow, or by its own id. */
export function findPipelineKey(
  name: string | undefined,
  pipelines: AnyWorkflow['pipelines'],
): string | undefined {
  if (name === undefined || Object.hasOwn(pipelines, name)) return name
  return Object.keys(pipelines).find((key) => pipelines[key]!.id === name)
}

/** What a payload has against the schema of its trigger, as one sentence; `undefined` when it fits. */
export function payloadFault({ schema }: CompiledTrigger, event: BusEvent): string | undefined {
  if (!schema) return undefined
  const check = checkSchema(schema, event.payload)
  if (check.ok) return undefined
  const [first] = check.issues
  return first
    ? `${first.path === '' ? 'payload' : first.path}: ${first.message}`
    : 'The payload does not fit'
}
