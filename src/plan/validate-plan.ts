import * as z from 'zod/mini'
import type { Issue } from '../core/system-error.js'
import { type PlanLimits, DEFAULT_LIMITS, copyPlan } from './copy-plan.js'
import type { Plan, PlanInput, PlanStep } from './plan-definition.js'
import { readableRelationIssues, relationIssues } from './plan-relations.js'
import { KNOWN_KEYS, planSchema } from './plan-schema.js'

/** What is to be said of a plan. */
export interface PlanReport {
  /** What makes it impossible to run; none when it can be run. */
  readonly issues: readonly Issue[]
  /** What is allowed, and hardly meant: keys that mean nothing, edges that are never followed. */
  readonly warnings: readonly Issue[]
}

/** A plan that was found valid, in one shape: a copy nobody else holds, its steps under `steps`, each with an id. */
export interface ValidPlan extends Plan {
  readonly workflow: Omit<Plan['workflow'], 'steps'> & { readonly steps: readonly NamedStep[] }
}

export type NamedStep = PlanStep & { readonly id: string }

export type Validation =
  | {
      readonly ok: true
      readonly plan: ValidPlan
      /** What was copied and checked, as it was given. */
      readonly copy: unknown
      readonly warnings: readonly Issue[]
    }
  | ({ readonly ok: false } & PlanReport)

export interface ValidateOptions {
  readonly limits?: PlanLimits
  /** The id of the one step of a plan that is given as its expression. @default 'job-1' */
  readonly defaultStepId?: string
  /** The source map of a plan that is given as the text of its one job. */
  readonly sourceMap?: unknown
}

/**
 * Everything that is wrong with a plan, each fault with its path, in time that is linear in its size. Never throws,
 * whatever it is given.
 */
export function validatePlan(plan: unknown, options: ValidateOptions = {}): PlanReport {
  const validation = checkPlan(plan as PlanInput, options)
  return { issues: validation.ok ? [] : validation.issues, warnings: validation.warnings }
}

/** Takes a copy of whatever was given for a plan, and checks the copy. */
export function checkPlan(input: PlanInput, options: ValidateOptions): Validation {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const copied = copyPlan(toPlan(input, options), limits)
  if (!copied.ok) return { ok: false, issues: [copied.issue], warnings: [] }
  const size = sizeIssue(copied.copy as Plan, limits)
  if (size) return { ok: false, issues: [size], warnings: [] }
  const parsed = z.safeParse(planSchema, copied.copy)
  if (!parsed.success) {
    const issues = parsed.error.issues.flatMap((each) => toIssues(each, []))
    const told = new Set(issues.map(({ path }) => path))
    const others = readableRelationIssues(copied.copy).filter(({ path }) => !told.has(path))
    return { ok: false, issues: [...issues, ...others], warnings: [] }
  }
  const plan = copied.copy as Plan
  const steps = plan.workflow.steps ?? plan.workflow.jobs ?? []
  const warnings = warningsOf(plan, steps)
  const issues = relationIssues(plan, steps)
  if (issues.length > 0) return { ok: false, issues, warnings }
  return {
    ok: true,
    copy: copied.copy,
    plan: { ...plan, workflow: { ...plan.workflow, steps: named(steps) } },
    warnings,
  }
}

/** A plan, from any of the short forms. */
function toPlan(input: PlanInput, { defaultStepId = 'job-1', sourceMap }: ValidateOptions): unknown {
  const isExpression = typeof input === 'string' || typeof input === 'function' || Array.isArray(input)
  if (!isExpression) return input
  const step = { id: defaultStepId, expression: input, ...(sourceMap === undefined ? {} : { sourceMap }) }
  return { workflow: { steps: [step] } }
}

/** Counted before anything is parsed, on what may be no plan at all. */
function sizeIssue(plan: Plan | undefined | null, limits: Required<PlanLimits>): Issue | undefined {
  for (const key of ['steps', 'jobs'] as const) {
    const steps: unknown = plan?.workflow?.[key]
    if (!Array.isArray(steps)) continue
    const path = `workflow.${key}`
    if (steps.length > limits.maxSteps) {
      return { path, message: `must hold at most ${limits.maxSteps} steps: there are ${steps.length}` }
    }
    let edges = 0
    for (const step of steps as readonly (PlanStep | null | undefined)[]) {
      if (typeof step?.next === 'object' && step.next !== null) edges += Object.keys(step.next).length
    }
    if (edges > limits.maxEdges) {
      return { path, message: `must hold at most ${limits.maxEdges} edges: there are ${edges}` }
    }
  }
  return undefined
}

type ZodIssue = z.core.$ZodIssue

/** What zod found; of an alternative, the faults of the one that was meant. */
function toIssues(issue: ZodIssue, above: readonly PropertyKey[]): Issue[] {
  const path = [...above, ...issue.path]
  const meant = issue.code === 'invalid_union' ? (issue.errors as ZodIssue[][]).find(isMeant) : undefined
  if (meant) return meant.flatMap((each) => toIssues(each, path))
  return [{ path: path.map(String).join('.'), message: issue.message }]
}

/** Whether an alternative was of the right kind: what is wrong with it lies inside. */
function isMeant(faults: readonly ZodIssue[]): boolean {
  return faults.every(
    (fault) =>
      fault.path.length > 0 ||
      (fault.code === 'invalid_union' && (fault.errors as ZodIssue[][]).some(isMeant)),
  )
}

function warningsOf(plan: Plan, steps: readonly PlanStep[]): Issue[] {
  const warnings: Issue[] = []
  const unknown = (value: object | null | undefined, known: readonly string[], path: string) => {
    for (const key of Object.keys(value ?? {})) {
      if (!known.includes(key))
        warnings.push({ path: path === '' ? key : `${path}.${key}`, message: 'means nothing' })
    }
  }
  unknown(plan, KNOWN_KEYS.plan, '')
  unknown(plan.workflow, KNOWN_KEYS.workflow, 'workflow')
  unknown(plan.options, KNOWN_KEYS.options, 'options')
  const list = plan.workflow.steps ? 'steps' : 'jobs'
  steps.forEach((step, index) => {
    const path = `workflow.${list}.${index}`
    unknown(step, KNOWN_KEYS.step, path)
    if (typeof step.next !== 'object' || step.next === null) return
    for (const [target, edge] of Object.entries(step.next)) {
      const at = `${path}.next.${target}`
      if (typeof edge === 'object') unknown(edge, KNOWN_KEYS.edge, at)
      const isSet = typeof edge === 'object' ? Boolean(edge.condition ?? false) : Boolean(edge)
      const isMeant =
        edge === false || (typeof edge === 'object' && (edge.disabled || edge.condition === false))
      if ((!isSet || typeof edge === 'number') && !isMeant) {
        warnings.push({ path: at, message: 'is never followed: give it a condition, such as true' })
      }
    }
  })
  return warnings
}

/** Steps without an id are called job-1, job-2, …, past those that are taken. */
function named(steps: readonly PlanStep[]): readonly NamedStep[] {
  const taken = new Set(steps.map(({ id }) => id))
  let number = 0
  return steps.map((step) => {
    if (step.id !== undefined) return step as NamedStep
    let id: string
    do id = `job-${++number}`
    while (taken.has(id))
    return { ...step, id }
  })
}
