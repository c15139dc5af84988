import type { Issue } from '../core/system-error.js'
import type { Edge, Plan, PlanStep } from './plan-definition.js'

/**
 * What no single value of a plan shows: ids that are taken twice, edges that lead nowhere, circles. Linear in steps and
 * edges. The sentences for a target, a start and a circle are those that users of the field know.
 */
export function relationIssues(plan: Plan, steps: readonly PlanStep[]): readonly Issue[] {
  const list = plan.workflow.steps ? 'steps' : 'jobs'
  const issues: Issue[] = []
  if (plan.workflow.steps && plan.workflow.jobs) {
    issues.push({ path: 'workflow.jobs', message: 'must not stand beside "steps"' })
  }
  if (steps.length === 0) {
    issues.push({ path: `workflow.${list}`, message: 'must hold at least one step' })
  }
  const known = new Map<string, number>()
  steps.forEach(({ id }, index) => {
    if (id === undefined) return
    if (known.has(id)) issues.push({ path: `workflow.${list}.${index}.id`, message: `is taken: "${id}"` })
    else known.set(id, index)
  })
  const start = plan.options?.start ?? plan.workflow.start
  if (start !== undefined && start !== null && !known.has(start)) {
    const path = plan.options?.start === start ? 'options.start' : 'workflow.start'
    issues.push({ path, message: `Could not find start job: ${start}` })
  }
  const edges = steps.map((step) => edgesOf(step))
  edges.forEach((targets, index) => {
    for (const { to, path } of targets) {
      if (!known.has(to)) {
        issues.push({ path: `workflow.${list}.${index}.${path}`, message: `Cannot find job: ${to}` })
      }
    }
  })
  const circle = findCircle(edges, known)
  if (circle) {
    const { from, to, path } = circle
    const message = `Circular dependency: ${steps[from]!.id ?? from} <-> ${to}`
    issues.push({ path: `workflow.${list}.${from}.${path}`, message })
  }
  return issues
}

/**
 * The relations in a plan some of whose values are of the wrong kind: of those that can be read. None where it is not known
 * what the steps are called.
 */
export function readableRelationIssues(plan: unknown): readonly Issue[] {
  const workflow = isObject(plan) ? plan['workflow'] : undefined
  if (!isObject(workflow)) return []
  const given = workflow['steps'] ?? workflow['jobs']
  if (!Array.isArray(given) || !given.every(isNamed)) return []
  const steps = given.map(({ id, next }) => ({ ...(id === undefined ? {} : { id }), next: readable(next) }))
  const { options } = plan as { options?: unknown }
  const start = isObject(options) && typeof options['start'] === 'string' ? { start: options['start'] } : {}
  const read = { ...workflow, start: typeof workflow['start'] === 'string' ? workflow['start'] : null }
  return relationIssues({ workflow: read, options: start }, steps)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isNamed(step: unknown): step is { readonly id?: string; readonly next?: unknown } {
  return isObject(step) && (step['id'] === undefined || typeof step['id'] === 'string')
}

/** Edges of which only the targets, and whether they loop, are to be known. */
function readable(next: unknown): PlanStep['next'] {
  if (typeof next === 'string') return next
  if (!isObject(next) || Array.isArray(next)) return undefined
  const edges = Object.entries(next).map(([to, edge]): [string, Edge] => [
    to,
    isObject(edge) && edge['loop'] !== undefined ? { loop: 1 } : true,
  ])
  return Object.fromEntries(edges)
}

interface Target {
  readonly to: string
  /** Below the step. */
  readonly path: string
  readonly loops: boolean
}

function edgesOf({ next }: PlanStep): readonly Target[] {
  if (typeof next === 'string') return next === '' ? [] : [{ to: next, path: 'next', loops: false }]
  if (!next) return []
  return Object.entries(next).map(([to, edge]) => ({ to, path: `next.${to}`, loops: isLoop(edge) }))
}

function isLoop(edge: Edge): boolean {
  return typeof edge === 'object' && edge.loop !== undefined
}

/** An edge that closes a circle of edges that are not said to be loops. Its own stack: plans may be long. */
function findCircle(
  edges: readonly (readonly Target[])[],
  known: ReadonlyMap<string, number>,
): (Target & { readonly from: number }) | undefined {
  const status = new Uint8Array(edges.length)
  for (let root = 0; root < edges.length; root++) {
    if (status[root] !== UNSEEN) continue
    const stack = [{ step: root, edge: 0 }]
    status[root] = OPEN
    while (stack.length > 0) {
      const top = stack.at(-1)!
      const target = edges[top.step]![top.edge++]
      if (!target) {
        status[top.step] = DONE
        stack.pop()
        continue
      }
      const to = target.loops ? undefined : known.get(target.to)
      if (to === undefined) continue
      if (status[to] === OPEN) return { ...target, from: top.step }
      if (status[to] === UNSEEN) {
        status[to] = OPEN
        stack.push({ step: to, edge: 0 })
      }
    }
  }
  return undefined
}

const UNSEEN = 0
const OPEN = 1
const DONE = 2
