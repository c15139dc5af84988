import { type Duration, toMs } from '../core/duration.js'
import type { RetryPolicy } from '../pipeline/retry-policy.js'
import type { LinkedModule } from './linker-options.js'
import type { Edge, EdgeCondition, Operation, PlanWait } from './plan-definition.js'
import type { NamedStep, ValidPlan } from './validate-plan.js'

/** Says whether an edge is followed. */
export type EdgeTest =
  | { readonly kind: 'always' }
  /** Whether the job before it has an error in `state.errors`. */
  | { readonly kind: 'outcome'; readonly failed: boolean }
  | { readonly kind: 'function'; readonly holds: EdgeCondition }
  | { readonly kind: 'text'; readonly source: string }

export interface GraphEdge {
  readonly from: string
  readonly to: string
  readonly test: EdgeTest
  readonly label: string | undefined
  /** How often it is followed in one run at most. */
  readonly loop: number
  /** Names it in the counts of loops. */
  readonly key: string
}

export interface GraphStep {
  readonly id: string
  /** What it is called. */
  readonly name: string
  /** Its stage: the id, written so that it can stand in an address. */
  readonly stageId: string
  /** Text, or operations; nothing for a trigger. */
  readonly job: string | readonly Operation[] | undefined
  readonly definition: NamedStep
  /** Those that can be followed. */
  readonly edges: readonly GraphEdge[]
  readonly joinsAll: boolean
  readonly retry: Omit<RetryPolicy, 'when'>
  readonly timeout: Duration | undefined
  readonly wait: PlanWait | undefined
  readonly modules: Readonly<Record<string, LinkedModule>>
}

/** A plan as it runs: every default filled in, edges that are never followed left out. Shared by all its runs. */
export interface PlanGraph {
  readonly id: string
  readonly plan: ValidPlan
  readonly steps: ReadonlyMap<string, GraphStep>
  readonly start: GraphStep
  readonly end: string | undefined
  readonly concurrency: number
  /** Whether an engine for text is needed. */
  readonly hasText: boolean
  /** Whether a step waits for events. */
  readonly hasWaits: boolean
  /** Whether `from` can lead to `to`, directly or by other steps. */
  leadsTo(from: string, to: string): boolean
}

export function createGraph(plan: ValidPlan, defaultTimeout?: Duration): PlanGraph {
  const { workflow, options } = plan
  const steps = new Map(
    workflow.steps.map((step): [string, GraphStep] => [
      step.id,
      toGraphStep(step, options?.timeout ?? defaultTimeout),
    ]),
  )
  const all = [...steps.values()]
  const start = options?.start ?? workflow.start ?? workflow.steps[0]!.id
  return {
    id: plan.id ?? workflow.id ?? workflow.name ?? 'plan',
    plan,
    steps,
    start: steps.get(start)!,
    end: options?.end ?? undefined,
    concurrency: options?.concurrency ?? 1,
    hasText: all.some(
      ({ job, edges }) => typeof job === 'string' || edges.some(({ test }) => test.kind === 'text'),
    ),
    hasWaits: all.some(({ wait }) => wait !== undefined),
    leadsTo: createReachability(all),
  }
}

function toGraphStep(step: NamedStep, timeout: Duration | undefined): GraphStep {
  const { id, expression, next, retry } = step
  return {
    id,
    name: step.name ?? id,
    stageId: id.replaceAll('%', '%25').replaceAll('/', '%2F'),
    job: typeof expression === 'function' ? [expression] : expression === '' ? undefined : expression,
    definition: step,
    edges:
      typeof next === 'string'
        ? next === ''
          ? []
          : [toEdge(id, next, true)!]
        : Object.entries(next ?? {}).flatMap(([to, edge]) => toEdge(id, to, edge) ?? []),
    joinsAll: step.join === 'all',
    retry: typeof retry === 'object' ? retry : { limit: retry ?? 0 },
    timeout: step.timeout ?? timeout,
    wait: step.wait,
    modules: { ...Object.fromEntries((step.adaptors ?? []).map(toModule)), ...step.linker },
  }
}

function toEdge(from: string, to: string, edge: Edge): GraphEdge | undefined {
  const options = typeof edge === 'object' ? edge : { condition: typeof edge === 'number' ? false : edge }
  const { condition, disabled, label, loop } = options
  const test = disabled ? undefined : toTest(condition)
  const name = typeof label === 'string' ? label : undefined
  return test && { from, to, test, label: name, loop: loop ?? Infinity, key: JSON.stringify([from, to]) }
}

const ALWAYS: EdgeTest = { kind: 'always' }
const NO_FAILURE: EdgeTest = { kind: 'outcome', failed: false }
const FAILURE: EdgeTest = { kind: 'outcome', failed: true }

/** Words that platforms write for conditions; they need no engine. */
const WORDS: Readonly<Record<string, EdgeTest | undefined>> = {
  always: ALWAYS,
  never: undefined,
  on_job_success: NO_FAILURE,
  on_upstream_success: NO_FAILURE,
  on_job_failure: FAILURE,
  on_upstream_fail: FAILURE,
}

function toTest(condition: string | boolean | EdgeCondition | undefined): EdgeTest | undefined {
  if (typeof condition === 'function') return { kind: 'function', holds: condition }
  if (typeof condition !== 'string') return condition ? ALWAYS : undefined
  const source = condition.trim()
  if (source === '') return undefined
  return Object.hasOwn(WORDS, source) ? WORDS[source] : { kind: 'text', source: condition }
}

/** `name@version`; the name may begin with an `@` of its own. */
function toModule(adaptor: string): [string, LinkedModule] {
  const at = adaptor.lastIndexOf('@')
  return at > 0 ? [adaptor.slice(0, at), { version: adaptor.slice(at + 1) }] : [adaptor, {}]
}

/** Asked for joins only, so it is looked up when it is first asked for, once per target. */
function createReachability(steps: readonly GraphStep[]): PlanGraph['leadsTo'] {
  const sources = new Map<string, ReadonlySet<string>>()
  let before: Map<string, string[]> | undefined
  const incoming = () => {
    if (before) return before
    before = new Map()
    for (const { from, to } of steps.flatMap(({ edges }) => edges)) {
      const list = before.get(to)
      if (list) list.push(from)
      else before.set(to, [from])
    }
    return before
  }
  const sourcesOf = (target: string): ReadonlySet<string> => {
    const found = new Set<string>()
    const pending = [target]
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      for (const from of incoming().get(id) ?? []) {
        if (found.has(from)) continue
        found.add(from)
        pending.push(from)
      }
    }
    return found
  }
  return (from, to) => {
    let found = sources.get(to)
    if (!found) sources.set(to, (found = sourcesOf(to)))
    return found.has(from)
  }
}

/** How long a whole run may take. */
export function workflowTimeoutMs({ plan }: PlanGraph): number {
  return toMs(plan.options?.workflowTimeout ?? Infinity)
}
