import { original } from 'immer'
import { isSystemError } from '../core/system-error.js'
import { type Instruction, jump, pause, terminate } from '../pipeline/instruction.js'
import type { AnyPipeline, AnyStage, ChildResult, RouterContext } from '../pipeline/pipeline-definition.js'
import type { StepContext } from '../pipeline/step-context.js'
import { runStep } from './job-run.js'
import type { PlanEnvironment } from './plan-environment.js'
import { RTError } from './plan-error.js'
import { type GraphStep, workflowTimeoutMs } from './plan-graph.js'
import {
  type Arrival,
  type PlanRunState,
  RunMemory,
  type Settled,
  firstKey,
  settle,
  toStepOutput,
  writeChanges,
} from './run-state.js'

/**
 * A plan as a pipeline: a state machine with a stage per step, whose run state holds the queue of arrivals. A visit of a
 * stage takes the first arrival; the router goes where the next one stands. So a plan has on timelines, in checkpoints and
 * in forks what every run has.
 *
 * With a concurrency above 1 the whole queue (a level of the plan) becomes children of one stage, each of which visits the
 * stage of its step and gives back how that ended; the ends are then taken in the order of the queue, so that the outcome
 * is the one of a run in series.
 */
export function toPipeline(environment: PlanEnvironment): AnyPipeline {
  const { graph, concurrency } = environment
  const levelId = concurrency > 1 ? freeStageId(environment, 'level') : undefined
  const router = ({ state }: RouterContext) => nextStage(state as PlanRunState, environment, levelId)
  const stages = stepStages(environment, router, async (step, context) => {
    const { payload: memory } = context.event
    const isOurs = memory instanceof RunMemory
    const before = isOurs ? memory.state : (context.state as PlanRunState)
    const key = firstKey(before)!
    const ended = await visit(step, { key, arrival: before.queue[key]!, loops: before.loops }, context)
    const after = settle(graph, before, [ended], environment.resultShape)
    if (!isOurs) return toStepOutput(before, after)
    memory.state = after
    return memory.outline()
  })
  if (graph.start.wait) stages.unshift({ id: freeStageId(environment, 'start'), router })
  if (levelId !== undefined) stages.push(levelStage(levelId, environment, router, visit))
  const timeoutMs = workflowTimeoutMs(graph)
  return {
    id: pipelineId(environment),
    stages,
    maxVisits: MAX_VISITS,
    ...(timeoutMs === Infinity ? {} : { timeout: timeoutMs }),
  }

  async function visit(
    step: GraphStep,
    { key, arrival, loops }: LevelItem,
    context: StepContext,
  ): Promise<Settled> {
    if (graph.hasText) await environment.text.prepare()
    const { state, next } = await runStep(step, { arrival, key, loops, context }, environment)
    return { key, end: { state, next: next.map(({ to }) => to) } }
  }
}

/** More than the largest bound of a loop, so that a loop ends as it says. */
const MAX_VISITS = 20_000

/** One arrival of a level, as its child has it. */
interface LevelItem {
  readonly key: number
  readonly arrival: Arrival
  readonly loops: PlanRunState['loops']
}

/** The state of a child of a level. */
type ChildState = { readonly item: LevelItem; readonly ended?: Settled }

type Router = (context: RouterContext) => Instruction
type Visit = (step: GraphStep, item: LevelItem, context: StepContext) => Promise<Settled>

function levelStage(id: string, environment: PlanEnvironment, router: Router, visit: Visit): AnyStage {
  const { graph, concurrency, resultShape } = environment
  // What stands behind the end would not run in series.
  const toItems = ({ queue, loops }: PlanRunState): readonly LevelItem[] => {
    const items = Object.entries(queue).map(([key, arrival]) => ({ key: Number(key), arrival, loops }))
    const end = items.findIndex(({ arrival }) => arrival.step === graph.end)
    return end === -1 ? items : items.slice(0, end + 1)
  }
  const enter: Router = ({ state }) => {
    const { item } = state as unknown as ChildState
    return goTo(graph.steps.get(item.arrival.step)!, 'item.arrival.state')
  }
  const child: AnyPipeline = {
    id: pipelineId(environment),
    stages: [
      { id: freeStageId(environment, 'enter'), router: enter },
      ...stepStages(
        environment,
        () => terminate(),
        async (step, context) => {
          const { item } = context.state as unknown as ChildState
          return { ended: await visit(step, item, context) }
        },
      ),
    ],
  }
  return {
    id,
    forEach: toItems,
    concurrency,
    pipelines: [child],
    merge: (draft: Record<string, unknown>, results: readonly ChildResult[]) => {
      const before = original(draft) as PlanRunState
      const ended = results.map((result) => (result as ChildResult & { ok: true }).state['ended'] as Settled)
      writeChanges(draft, before, settle(graph, before, ended, resultShape))
    },
    router,
  }
}

/** A stage for each step, that of the first to run before the others. */
function stepStages(
  { graph, canPause }: PlanEnvironment,
  router: Router,
  action: (step: GraphStep, context: StepContext) => Promise<unknown>,
): AnyStage[] {
  const toStage = (step: GraphStep): AnyStage => {
    const { stageId, name, id, retry, timeout } = step
    const parks = canPause && retry.onExhausted === 'pause'
    return {
      id: stageId,
      ...(name === id ? {} : { label: name }),
      steps: {
        [stageId]: {
          action: (context: StepContext) => action(step, context),
          ...(retry.limit > 0 || parks
            ? { retry: { ...retry, onExhausted: parks ? 'pause' : 'fail', when: isWorthRetrying } }
            : {}),
          ...(timeout === undefined || step.job === undefined ? {} : { timeout }),
        },
      },
      router,
    }
  }
  const others = [...graph.steps.values()].filter((step) => step !== graph.start)
  return [graph.start, ...others].map(toStage)
}

function isWorthRetrying(error: unknown): boolean {
  return error instanceof RTError ? error.retryable : isSystemError(error) && error.code === 'TIMEOUT'
}

function nextStage(
  state: PlanRunState,
  { graph }: PlanEnvironment,
  levelId: string | undefined,
): Instruction {
  const key = firstKey(state)
  if (key === undefined) return terminate()
  if (levelId !== undefined && Object.keys(state.queue).length > 1) return jump(levelId)
  return goTo(graph.steps.get(state.queue[key]!.step)!, `queue.${key}.state`)
}

/** To the stage of a step; asleep first where it waits. `at` is the path of the state that has arrived. */
function goTo({ stageId, wait }: GraphStep, at: string): Instruction {
  if (!wait) return jump(stageId)
  const conditions = wait.conditions?.map(({ valueFrom, ...condition }) =>
    valueFrom === undefined ? condition : { ...condition, valueFrom: `${at}.${valueFrom}` },
  )
  return pause({
    until: { event: wait.event, ...(conditions ? { conditions } : {}) },
    timeout: wait.timeout === 'never' ? Infinity : wait.timeout,
    resumeAt: stageId,
  })
}

function pipelineId({ graph }: PlanEnvironment): string {
  return graph.id.replaceAll('/', '%2F') || 'plan'
}

function freeStageId({ graph }: PlanEnvironment, wanted: string): string {
  const taken = new Set([...graph.steps.values()].map(({ stageId }) => stageId))
  let id = wanted
  for (let number = 1; taken.has(id); number++) id = `${wanted}-${number}`
  return id
}
