import fc from 'fast-check'
import type { EdgeOptions, Plan, PlanStep } from 'busline/plan'
import type { ReferenceEdge, ReferencePlan, ReferenceStep } from './reference-interpreter.js'

const acyclicPlan: fc.Arbitrary<ReferencePlan> = fc
  .integer({ min: 1, max: 6 })
  .chain((size) =>
    fc.record({
      steps: fc.tuple(...Array.from({ length: size }, (_, index) => stepArbitrary(index, size))),
      end: fc.option(fc.integer({ min: 0, max: size - 1 }), { freq: 6 }),
    }),
  )
  .map(({ steps, end }) => ({ steps, end: end === null ? undefined : `s${end}` }))

function stepArbitrary(index: number, size: number): fc.Arbitrary<ReferenceStep> {
  const later = Array.from({ length: size - index - 1 }, (_, offset) => `s${index + 1 + offset}`)
  return fc.record({
    id: fc.constant(`s${index}`),
    does: fc.constantFrom('push', 'push', 'push', 'fail', 'nothing', 'trigger', 'fresh'),
    join: fc.constantFrom('each', 'each', 'all'),
    edges: fc.subarray(later).chain((targets) => fc.tuple(...targets.map((to) => edgeArbitrary(to)))),
  })
}

/** A plan some of whose edges lead back, each followed once or twice. */
export const planArbitrary: fc.Arbitrary<ReferencePlan> = acyclicPlan.chain(({ steps, end }) =>
  fc
    .array(
      fc.record({
        from: fc.nat(steps.length - 1),
        back: fc.nat(steps.length - 1),
        loop: fc.integer({ min: 1, max: 2 }),
        isFirst: fc.boolean(),
      }),
      { maxLength: 3 },
    )
    .map((loops) => ({ steps: loops.reduce(withLoop, steps), end })),
)

interface Loop {
  readonly from: number
  readonly back: number
  readonly loop: number
  readonly isFirst: boolean
}

function withLoop(
  steps: readonly ReferenceStep[],
  { from, back, loop, isFirst }: Loop,
): readonly ReferenceStep[] {
  const to = `s${Math.min(from, back)}`
  return steps.map((step, index) => {
    if (index !== from || step.edges.some((edge) => edge.to === to)) return step
    const edge: ReferenceEdge = { to, when: 'always', loop }
    return { ...step, edges: isFirst ? [edge, ...step.edges] : [...step.edges, edge] }
  })
}

function edgeArbitrary(to: string): fc.Arbitrary<ReferenceEdge> {
  return fc.record({
    to: fc.constant(to),
    when: fc.constantFrom('always', 'always', 'never', 'even', 'odd', 'success', 'failure'),
  })
}

type Seen = { readonly data?: { readonly seen?: readonly string[] } } | undefined

const length = (state: unknown) => (state as Seen)?.data?.seen?.length ?? 0

const toEdge = ({ when, loop }: ReferenceEdge): EdgeOptions => ({
  ...toCondition(when),
  ...(loop === undefined ? {} : { loop }),
})

const toCondition = (when: ReferenceEdge['when']): EdgeOptions => {
  switch (when) {
    case 'always':
      return { condition: true }
    case 'never':
      return { condition: true, disabled: true }
    case 'even':
      return { condition: (state) => length(state) % 2 === 0 }
    case 'odd':
      return { condition: (state) => length(state) % 2 === 1 }
    case 'success':
      return { condition: 'on_job_success' }
    case 'failure':
      return { condition: 'on_job_failure' }
  }
}

const toStep = ({ id, does, join, edges }: ReferenceStep): PlanStep => {
  const push = (state: { data: { seen?: string[] } }) => {
    ;(state.data.seen ??= []).push(id)
    return state
  }
  const expressions = {
    push: [push],
    fail: [
      push,
      () => {
        throw new Error(`${id} failed`)
      },
    ],
    nothing: [() => undefined],
    trigger: undefined,
    fresh: [() => ({ data: { seen: [id] } })],
  }
  const expression = expressions[does]
  return {
    id,
    join,
    next: Object.fromEntries(edges.map((edge) => [edge.to, toEdge(edge)])),
    ...(expression ? { expression } : {}),
  }
}

/** The plan that a reference stands for. */
export const toPlan = ({ steps, end }: ReferencePlan): Plan => ({
  workflow: { steps: steps.map(toStep) },
  ...(end === undefined ? {} : { options: { end } }),
})

/** Errors as the reference has them: their message. */
export function plainErrors(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null), (key, each: unknown) =>
    key !== 'errors'
      ? each
      : Object.fromEntries(
          Object.entries(each as Record<string, { message?: string } | string>).map(([id, error]) => [
            id,
            typeof error === 'string' ? error : error.message,
          ]),
        ),
  )
}
