import { describe } from '../core/system-error.js'
import { isThenable } from '../core/is-thenable.js'
import type { PlanEnvironment } from './plan-environment.js'
import { EdgeConditionError } from './plan-error.js'
import type { GraphEdge, GraphStep } from './plan-graph.js'
import { StateFault, thaw, toStateData } from './state-data.js'

export interface EdgeContext {
  /** The number of the arrival. */
  readonly arrival: number
  /** How often edges that lead back were followed. */
  readonly loops: Readonly<Record<string, number>>
  readonly signal: AbortSignal
}

export interface Followed {
  /** As conditions left it: they may write to it, and the next ones see it. */
  readonly state: unknown
  readonly edges: readonly GraphEdge[]
}

const NO_EDGES: readonly GraphEdge[] = []

/**
 * The edges of a step that are followed, in their order.
 *
 * @throws {EdgeConditionError} when a condition throws or takes too long.
 */
export async function followEdges(
  step: GraphStep,
  state: unknown,
  context: () => EdgeContext,
  environment: PlanEnvironment,
): Promise<Followed> {
  if (step.edges.length === 0) return { state, edges: NO_EDGES }
  const evaluation: Evaluation = { state, changeable: undefined, context: context(), environment }
  const edges: GraphEdge[] = []
  for (const edge of step.edges) {
    if (await isFollowed(edge, evaluation)) edges.push(edge)
  }
  const { changeable } = evaluation
  if (!changeable) return { state: evaluation.state, edges }
  return { state: toData(step, changeable.value), edges }
}

interface Evaluation {
  state: unknown
  /** The copy that functions see, once there was one. */
  changeable: { value: unknown } | undefined
  readonly context: EdgeContext
  readonly environment: PlanEnvironment
}

async function isFollowed(edge: GraphEdge, evaluation: Evaluation): Promise<boolean> {
  const { from, to, test, label } = edge
  const { context, environment } = evaluation
  const { observe } = environment
  if (edge.loop !== Infinity && (context.loops[edge.key] ?? 0) >= edge.loop) return false
  const told = { type: 'edge:evaluated', stepId: from, arrival: context.arrival, to } as const
  const named = label === undefined ? {} : { label }
  try {
    const holds = await isMet(edge, evaluation)
    observe?.({ ...told, ...named, holds })
    return holds
  } catch (error) {
    const reason = error instanceof ConditionFault ? error.message : describe(error)
    observe?.({ ...told, ...named, holds: false, error: reason })
    const source = test.kind === 'text' ? { details: { condition: test.source } } : {}
    throw new EdgeConditionError(`Edge condition ${from}->${to} failed: ${reason}`, {
      step: environment.graph.steps.get(from)!.name,
      ...source,
      ...(error instanceof ConditionFault ? {} : { cause: error }),
    })
  }
}

async function isMet(edge: GraphEdge, evaluation: Evaluation): Promise<boolean> {
  const { from, test } = edge
  switch (test.kind) {
    case 'always':
      return true
    case 'outcome':
      return hasError(evaluation.changeable?.value ?? evaluation.state, from) === test.failed
    case 'function': {
      evaluation.changeable ??= { value: thaw(evaluation.state) }
      const answer = test.holds(evaluation.changeable.value as never, from)
      return Boolean(isThenable(answer) ? await answer : answer)
    }
    case 'text':
      return isTextMet(edge, evaluation)
  }
}

async function isTextMet(edge: GraphEdge, evaluation: Evaluation): Promise<boolean> {
  const { environment, context } = evaluation
  const state = evaluation.changeable ? toStateData(evaluation.changeable.value) : evaluation.state
  // Where a job has returned nothing there is no state: `null`, since `undefined` is no JSON.
  const condition = await environment.text.condition(edge)
  const outcome = await condition.evaluate(state ?? null, edge.from, {
    signal: context.signal,
    timeoutMs: environment.conditionTimeoutMs,
    console: environment.console,
  })
  if (!outcome.ok) throw new ConditionFault(outcome.fault.message)
  if ('state' in outcome) {
    if (evaluation.changeable) evaluation.changeable.value = outcome.state
    else evaluation.state = toStateData(outcome.state)
  }
  return outcome.holds
}

/** What an engine said of a condition. */
class ConditionFault extends Error {}

function hasError(state: unknown, stepId: string): boolean {
  const { errors } = (state ?? {}) as { errors?: unknown }
  if (typeof errors !== 'object' || errors === null) return false
  return Object.hasOwn(errors, stepId) && Boolean((errors as Record<string, unknown>)[stepId])
}

function toData(step: GraphStep, value: unknown): unknown {
  try {
    return toStateData(value)
  } catch (error) {
    if (!(error instanceof StateFault)) throw error
    throw new EdgeConditionError(
      `Edge conditions of "${step.id}" left a state that is not data: ${error.message}`,
      { step: step.name, cause: error },
    )
  }
}
