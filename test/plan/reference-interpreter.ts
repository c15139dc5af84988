/**
 * What a plan means, as plainly as it can be written: one queue, one job after the other, states cloned as JSON. The engine
 * must come to the same final state, by the same events.
 */
export interface ReferenceStep {
  readonly id: string
  /** What its job does; a trigger does nothing. */
  readonly does: 'push' | 'fail' | 'nothing' | 'trigger' | 'fresh'
  readonly join: 'each' | 'all'
  readonly edges: readonly ReferenceEdge[]
}

export interface ReferenceEdge {
  readonly to: string
  readonly when: 'always' | 'never' | 'even' | 'odd' | 'success' | 'failure'
  /** How often it is followed at most; where it leads back. */
  readonly loop?: number
}

export interface ReferencePlan {
  readonly steps: readonly ReferenceStep[]
  readonly end: string | undefined
}

interface Input {
  readonly id: string
  readonly from?: string
  readonly state: State | undefined
}

type State = Record<string, unknown> & { data?: { seen?: string[] }; errors?: Record<string, unknown> }

export interface ReferenceOutcome {
  readonly result: unknown
  readonly events: readonly string[]
}

export function interpret({ steps, end }: ReferencePlan): ReferenceOutcome {
  const events: string[] = []
  const leaves: { readonly id: string; readonly state: State | undefined }[] = []
  const find = (id: string) => steps.find((step) => step.id === id)!
  let queue: Input[] = [{ id: steps[0]!.id, state: { data: {} } }]
  let held: Input[] = []
  const followed = new Map<ReferenceEdge, number>()
  const timesOf = (edge: ReferenceEdge) => followed.get(edge) ?? 0
  while (queue.length > 0) {
    const input = queue.shift()!
    const step = find(input.id)
    const state = step.does === 'trigger' ? input.state : runJob(step, input, events)
    const edges = step.edges.filter(
      (edge) => timesOf(edge) < (edge.loop ?? Infinity) && holds(edge, step.id, state),
    )
    const next = edges.map(({ to }) => to)
    if (step.does !== 'trigger') {
      events.push(`${step.does === 'fail' ? 'job-error' : 'job-complete'} ${step.id} -> ${next.join()}`)
    }
    const isEnd = step.id === end
    if (next.length === 0 || isEnd) leaves.push({ id: step.id, state })
    if (isEnd) break
    for (const edge of edges) followed.set(edge, timesOf(edge) + 1)
    for (const id of next) {
      const arrival = { id, from: step.id, state }
      if (find(id).join === 'all') held.push(arrival)
      else queue.push(arrival)
    }
    const targets = [...new Set(held.map(({ id }) => id))]
    const waiting = queue.map(({ id }) => id)
    const ready = targets.filter((id) => {
      const others = [...waiting, ...targets.filter((other) => other !== id)]
      return !others.some((other) => leadsTo(other, id))
    })
    // Joins that wait for one another.
    if (ready.length === 0 && waiting.length === 0) ready.push(...targets.slice(0, 1))
    for (const id of ready) {
      const inputs = held.filter((each) => each.id === id)
      held = held.filter((each) => each.id !== id)
      queue = [...queue, { id, state: merge(inputs) }]
    }
  }
  return { result: toResult(leaves), events }

  function leadsTo(from: string, to: string, seen: readonly string[] = []): boolean {
    return find(from).edges.some(
      (edge) =>
        edge.when !== 'never' &&
        (edge.to === to || (!seen.includes(edge.to) && leadsTo(edge.to, to, [...seen, edge.to]))),
    )
  }
}

function runJob(step: ReferenceStep, { state: incoming }: Input, events: string[]): State | undefined {
  events.push(`init-start ${step.id}`, `init-complete ${step.id}`, `job-start ${step.id}`)
  const state = JSON.parse(JSON.stringify({ data: {}, ...incoming })) as State & { data: { seen?: string[] } }
  const errors = state.errors
  // What a join adds for its own job does not travel on.
  if (step.join === 'all') delete state['upstream']
  if (step.does === 'nothing') return undefined
  if (step.does === 'fresh') return { data: { seen: [step.id] }, ...(errors ? { errors } : {}) }
  state.data.seen = [...(state.data.seen ?? []), step.id]
  if (step.does === 'fail') state.errors = { ...errors, [step.id]: `${step.id} failed` }
  return state
}

function holds({ when }: ReferenceEdge, from: string, state: State | undefined): boolean {
  const length = state?.data?.seen?.length ?? 0
  const failed = Boolean(state?.errors?.[from])
  return {
    always: true,
    never: false,
    even: length % 2 === 0,
    odd: length % 2 === 1,
    success: !failed,
    failure: failed,
  }[when]
}

/** Later over earlier, `data` and `errors` one level deeper. */
function merge(inputs: readonly Input[]): State {
  const merged: State = {}
  for (const { state } of inputs) {
    const data = { ...merged.data, ...state?.data }
    const errors = { ...merged.errors, ...state?.errors }
    Object.assign(merged, state, merged.data || state?.data ? { data } : {})
    if (Object.keys(errors).length > 0) merged.errors = errors
  }
  const upstream = inputs.reduce<Record<string, unknown>>((all, { from, state }) => {
    const times = Object.keys(all).filter((name) => name.replace(/-\d+$/, '') === from).length
    return { ...all, [times === 0 ? from! : `${from}-${times}`]: state ?? null }
  }, {})
  return { ...merged, upstream }
}

function toResult(leaves: readonly { readonly id: string; readonly state: State | undefined }[]): unknown {
  if (leaves.length === 1) return leaves[0]!.state
  const times = new Map<string, number>()
  const entries = leaves.map(({ id, state }) => {
    const time = times.get(id) ?? 0
    times.set(id, time + 1)
    return [time === 0 ? id : `${id}-${time}`, state] as const
  })
  const given = entries.filter(([, state]) => state !== undefined)
  return given.length === 0 ? undefined : Object.fromEntries(given)
}
