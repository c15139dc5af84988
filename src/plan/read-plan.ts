import type { PlanInput } from './plan-definition.js'
import { RuntimeCrash, ValidationError } from './plan-error.js'
import { type PlanGraph, createGraph } from './plan-graph.js'
import type { CompileOptions } from './plan-options.js'
import { isSame } from './copy-plan.js'
import { checkPlan } from './validate-plan.js'

/**
 * Checks a plan and takes it over. What is unusual about it goes to the log.
 *
 * @throws {ValidationError} listing every fault with its path.
 * @throws {RuntimeCrash} when it holds functions and `forceSandbox` refuses them.
 */
export function readPlan(plan: PlanInput, options: CompileOptions): PlanGraph {
  const known = recall(plan, options)
  if (known) return known
  const validation = checkPlan(plan, options)
  for (const { path, message } of validation.warnings) options.logger?.warn?.(`${path} ${message}`)
  if (!validation.ok) {
    const { issues } = validation
    throw new ValidationError(issues.map(toSentence).join('; '), { issues })
  }
  const graph = createGraph(validation.plan, options.defaultRunTimeoutMs)
  if (options.forceSandbox) refuseFunctions(graph)
  remember(plan, options, validation.copy, graph)
  return graph
}

/** Plans that were found valid, with the copy that was checked. */
const remembered = new WeakMap<object, { readonly copy: unknown; readonly graph: PlanGraph }>()

/** Options that the graph, or what is said about it, depends on. */
const TELLING = [
  'limits',
  'defaultStepId',
  'sourceMap',
  'defaultRunTimeoutMs',
  'forceSandbox',
  'logger',
] as const

/** The graph of a plan that was read before, if nothing of the plan has changed since: whoever runs it often pays once. */
function recall(plan: PlanInput, options: CompileOptions): PlanGraph | undefined {
  const known = isRemembered(plan, options) ? remembered.get(plan as object) : undefined
  try {
    return known && isSame(plan, known.copy) ? known.graph : undefined
  } catch {
    return undefined
  }
}

function remember(plan: PlanInput, options: CompileOptions, copy: unknown, graph: PlanGraph): void {
  if (isRemembered(plan, options)) remembered.set(plan as object, { copy, graph })
}

function isRemembered(plan: PlanInput, options: CompileOptions): boolean {
  return (
    typeof plan === 'object' && !Array.isArray(plan) && TELLING.every((key) => options[key] === undefined)
  )
}

/** A message that begins with a capital is a sentence of its own, which users of the field know. */
function toSentence({ path, message }: { readonly path: string; readonly message: string }): string {
  return /^[A-Z]/.test(message) ? message : `${path || 'The plan'} ${message}`
}

function refuseFunctions({ steps }: PlanGraph): void {
  for (const { id, name, job, edges } of steps.values()) {
    if (typeof job !== 'object' && edges.every(({ test }) => test.kind !== 'function')) continue
    throw new RuntimeCrash(`Step "${id}" holds functions, which forceSandbox refuses: give text`, {
      subtype: 'InputError',
      step: name,
    })
  }
}
