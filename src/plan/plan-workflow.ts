import type { BusEvent, EventMap } from '../core/bus-event.js'
import type { AnyPipeline } from '../pipeline/pipeline-definition.js'
import type { WorkflowDefinition } from '../runtime/workflow-definition.js'
import type { PlanInput } from './plan-definition.js'
import { createEnvironment } from './plan-environment.js'
import type { CompileOptions } from './plan-options.js'
import { toPipeline } from './plan-pipeline.js'
import { readPlan } from './read-plan.js'
import { type PlanRunState, initialRunState } from './run-state.js'
import { toStateData } from './state-data.js'

/** What a plan needs to be a workflow; everything but `triggers` and `input` means what it means elsewhere. */
export interface PlanWorkflowOptions<Events extends EventMap = Record<string, unknown>>
  extends CompileOptions, Omit<WorkflowDefinition<Events>, 'id' | 'pipelines'> {
  /** @default the plan's */
  readonly id?: string
  /** The state a run begins with. @default `{ data: event.payload }` */
  readonly input?: (event: BusEvent) => unknown
}

/**
 * Compiles a plan to a workflow, to be registered like any other: its runs start from events, obey the mode, pause, are
 * recorded, recovered and forked like any run. A step of the plan is a stage and a step of the pipeline; the states of
 * the jobs travel in the run state, and {@link planResult} takes the outcome out of it.
 *
 * @throws {ValidationError} listing every fault of the plan with its path.
 */
export function planWorkflow<Events extends EventMap = Record<string, unknown>>(
  plan: PlanInput,
  options: PlanWorkflowOptions<NoInfer<Events>>,
): WorkflowDefinition<Events> {
  const {
    id,
    triggers,
    version,
    label,
    services,
    env,
    options: registration,
    migrate,
    ...rest
  } = options as PlanWorkflowOptions<Events>
  const { input = ({ payload }: BusEvent) => ({ data: payload }), ...compile } = rest
  const graph = readPlan(plan, compile)
  const pipeline: AnyPipeline = {
    ...toPipeline(createEnvironment(graph, compile, true)),
    initialState: (event: BusEvent) => initialRunState(graph, toStateData(input(event) ?? { data: {} })),
  }
  return {
    id: id ?? graph.id,
    triggers,
    pipelines: { plan: pipeline },
    ...(version === undefined ? {} : { version }),
    ...(label === undefined ? {} : { label }),
    ...(services === undefined ? {} : { services }),
    ...(env === undefined ? {} : { env }),
    ...(registration === undefined ? {} : { options: registration }),
    ...(migrate === undefined ? {} : { migrate }),
  }
}

/** What a run of a plan came to, from its state: as `run` resolves to it. `undefined` as long as it has not ended. */
export function planResult<Result = unknown>(state: Readonly<Record<string, unknown>>): Result | undefined {
  return (state as Partial<PlanRunState>).result?.value as Result | undefined
}
