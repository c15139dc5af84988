import { toMs } from '../core/duration.js'
import { freezePlainData, isPlainObject } from '../core/plain-data.js'
import { type StandardSchema, checkSchema } from '../core/standard-schema.js'
import { SystemError } from '../core/system-error.js'
import type { BusEvent } from '../core/bus-event.js'
import type { StateObject } from '../state/change.js'
import type { ConflictPolicy } from '../state/merge-changes.js'
import type { AnyPipeline, AnyStage, AnyStep, ChildResult, RouterContext } from './pipeline-definition.js'
import { type CompiledRetry, compileRetry } from './retry-policy.js'
import type { RunHost, StageWatch } from './run-host.js'
import type { StepContext } from './step-context.js'
import { type AnyTaskStep, taskAction } from './task-step.js'
import type { WatchDescriptor } from './watch-descriptor.js'

/** A step as the engine runs it: defaults filled in, durations in milliseconds. */
export interface CompiledStep {
  readonly id: string
  /** Names the step within a visit of its stage; tells its compensation from itself. */
  readonly key: string
  readonly action: (context: StepContext, host: RunHost) => unknown
  /** Where the work is done, when that is not here: for the timeline. */
  readonly elsewhere: { readonly task: string; readonly executor?: string } | undefined
  readonly retry: CompiledRetry
  readonly timeoutMs: number
  /** What undoes the step, itself run like a step. */
  readonly compensation: CompiledStep | undefined
}

type LocalAction = (context: StepContext) => unknown

/** A compensation must end, or an abort could not: where the step has no timeout, this one holds for its compensation. */
const COMPENSATION_TIMEOUT_MS = 60_000

export interface CompiledStage {
  readonly id: string
  readonly index: number
  readonly steps: readonly CompiledStep[]
  readonly children: readonly CompiledPipeline[]
  readonly forEach: ((state: StateObject) => readonly unknown[]) | undefined
  readonly concurrency: number
  readonly merge: ((parent: never, results: readonly ChildResult[]) => void) | undefined
  readonly collects: boolean
  readonly router: ((context: RouterContext) => unknown) | undefined
  readonly onConflict: ConflictPolicy
  readonly timeoutMs: number
  readonly watch: WatchDescriptor | undefined
  readonly where: ((event: BusEvent, state: StateObject) => boolean) | undefined
}

export interface CompiledPipeline {
  readonly id: string
  readonly stages: readonly CompiledStage[]
  readonly maxVisits: number
  readonly timeoutMs: number
  readonly compensates: boolean
  readonly stageWatches: readonly StageWatch[]
  stage(id: string): CompiledStage | undefined
  /** @throws {SystemError} `VALIDATION` when the state is not plain data or does not fit the schema. */
  initialState(event: BusEvent, parent?: StateObject): StateObject
  /** @throws {SystemError} `VALIDATION` when the state does not fit the schema. */
  checkState(state: StateObject): void
}

/** Compiles a pipeline that was found valid. Done once per registration, so that a run does none of it. */
export function compilePipeline(definition: AnyPipeline): CompiledPipeline {
  const stages = definition.stages.map(compileStage)
  const byId = new Map(stages.map((stage) => [stage.id, stage]))
  const { initialState, schema } = definition
  const fixed = typeof initialState === 'function' ? undefined : toState(initialState ?? {}, definition)
  return {
    id: definition.id,
    stages,
    maxVisits: definition.maxVisits ?? 10_000,
    timeoutMs: toMs(definition.timeout ?? Infinity),
    compensates: definition.compensate ?? false,
    stageWatches: definition.stages.flatMap(({ id, watch }) =>
      watch ? [{ stageId: id, descriptor: watch }] : [],
    ),
    stage: (id) => byId.get(id),
    initialState: (event, parent) =>
      fixed ??
      toState(
        (initialState as (event: BusEvent, parent?: StateObject) => unknown)(event, parent),
        definition,
      ),
    checkState: (state) => {
      if (schema) checkWith(schema, state, definition.id)
    },
  }
}

function compileStage(definition: AnyStage, index: number): CompiledStage {
  return {
    id: definition.id,
    index,
    steps: Object.entries(definition.steps ?? {}).map(([id, step]) => compileStep(id, step)),
    children: (definition.pipelines ?? []).map(compilePipeline),
    forEach: definition.forEach as CompiledStage['forEach'],
    concurrency: definition.concurrency ?? Infinity,
    merge: definition.merge,
    collects: definition.onChildFailure === 'collect',
    router: definition.router as CompiledStage['router'],
    onConflict: definition.onConflict ?? 'error',
    timeoutMs: toMs(definition.timeout ?? Infinity),
    watch: definition.watch,
    where: definition.where as CompiledStage['where'],
  }
}

function compileStep(id: string, definition: AnyStep | ((context: never) => unknown)): CompiledStep {
  const step: AnyStep = typeof definition === 'function' ? { action: definition } : definition
  const timeoutMs = toMs(step.timeout ?? Infinity)
  const retry = compileRetry(step.retry)
  const compensation = step.compensate && {
    id,
    key: `${id}/compensate`,
    action: step.compensate as LocalAction,
    retry,
    timeoutMs: timeoutMs === Infinity ? COMPENSATION_TIMEOUT_MS : timeoutMs,
    compensation: undefined,
    elsewhere: undefined,
  }
  const { task, executor } = step
  return {
    id,
    key: id,
    action: task === undefined ? (step.action as LocalAction) : taskAction(step as AnyTaskStep, timeoutMs),
    elsewhere: task === undefined ? undefined : { task, ...(executor === undefined ? {} : { executor }) },
    retry,
    timeoutMs,
    compensation,
  }
}

function toState(value: unknown, { id }: AnyPipeline): StateObject {
  if (typeof value !== 'object' || value === null || !isPlainObject(value)) {
    throw new SystemError(
      'VALIDATION',
      `Cannot start pipeline "${id}": its initial state must be a plain object`,
      {
        context: { pipelineId: id },
      },
    )
  }
  return freezePlainData(value as StateObject, '')
}

function checkWith(schema: StandardSchema, state: StateObject, id: string): void {
  const check = checkSchema(schema, state)
  if (check.ok) return
  const [first] = check.issues
  throw new SystemError(
    'VALIDATION',
    `The state of pipeline "${id}" does not fit its schema at "${first?.path}": ${first?.message}`,
    { context: { pipelineId: id, issues: check.issues }, cause: check.cause },
  )
}
