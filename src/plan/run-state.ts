import { isFields } from '../core/is-fields.js'
import { SystemError } from '../core/system-error.js'
import type { GraphEdge, PlanGraph } from './plan-graph.js'

/**
 * The state of a run of a plan, as the pipeline engine keeps it: who is to run on what, and what has come out so far.
 *
 * Invariants:
 * - Q1 the queue is in the order of its keys, which are numbers that only grow; the first is the next to run;
 * - Q2 an arrival at a step that joins all waits in `held` as long as anything in the queue can lead there;
 * - Q3 `result` is there exactly when queue and `held` are empty, and `leaves` are gone then.
 */
export interface PlanRunState {
  readonly [key: string]: unknown
  readonly queue: Readonly<Record<number, Arrival>>
  /** How many arrivals there were. */
  readonly count: number
  readonly leaves: Readonly<Record<number, Leaf>>
  /** By arrival number, in the order in which they came. */
  readonly held: Readonly<Record<number, Arrival>>
  /** By edge that leads back, how often it was followed. */
  readonly loops: Readonly<Record<string, number>>
  readonly result?: PlanResult
}

/** A step that is to run, and on what. */
export interface Arrival {
  readonly step: string
  /** The step before it. */
  readonly from?: string
  readonly state?: unknown
}

interface Leaf {
  readonly step: string
  readonly state?: unknown
}

/** What came out: bare for one leaf, by step id for several. An object, so that nothing at all can be told from a value. */
export interface PlanResult {
  readonly value?: unknown
}

/** How a step ended: its result, and the edges that are followed. */
export interface StepEnd {
  readonly state?: unknown
  readonly next: readonly GraphEdge[]
}

/** The key in the queue of what ended, and how. */
export interface Settled {
  readonly key: number
  readonly end: Pick<StepEnd, 'state'> & { readonly next: readonly string[] }
}

/** How many arrivals may wait at once, and how many leaves there may be: each diamond doubles them, where nothing joins. */
const MAX_QUEUE = 2_000

export function initialRunState(graph: PlanGraph, input: unknown): PlanRunState {
  return { queue: { 1: { step: graph.start.id, state: input } }, count: 1, leaves: {}, held: {}, loops: {} }
}

/** The first of the queue. */
export function firstKey({ queue }: PlanRunState): number | undefined {
  for (const key in queue) return Number(key)
  return undefined
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/**
 * What becomes of a run when steps of its queue have ended: the same as when each had ended by itself, in the order of the
 * queue. Pure.
 *
 * @throws {SystemError} `CAPACITY` when too many arrivals would wait.
 */
export function settle(
  graph: PlanGraph,
  before: PlanRunState,
  ended: readonly Settled[],
  resultShape: 'auto' | 'keyed',
): PlanRunState {
  const run: Mutable<PlanRunState> = { ...before }
  const queue: Record<number, Arrival> = { ...before.queue }
  run.queue = queue
  let leaves: Record<number, Leaf> | undefined
  let waiting = Object.keys(queue).length
  for (const { key, end } of ended) {
    const { step } = queue[key]!
    delete queue[key]
    waiting--
    const isEnd = graph.end === step
    const edges = graph.steps.get(step)!.edges
    let followed = 0
    for (const to of isEnd ? [] : end.next) {
      const edge = edges.find((each) => each.to === to)!
      if (edge.loop !== Infinity) {
        const times = run.loops[edge.key] ?? 0
        if (times >= edge.loop) continue
        run.loops = { ...run.loops, [edge.key]: times + 1 }
      }
      followed++
      const arrival: Arrival = { step: to, from: step, state: end.state }
      run.count++
      if (graph.steps.get(to)!.joinsAll) run.held = { ...run.held, [run.count]: arrival }
      else {
        queue[run.count] = arrival
        if (++waiting > MAX_QUEUE) throw tooMany(to, 'wait to run')
      }
    }
    if (followed === 0) {
      leaves ??= { ...before.leaves }
      if (Object.keys(leaves).length >= MAX_QUEUE) throw tooMany(step, 'have ended without a next one')
      leaves[key] = { step, state: end.state }
    }
    if (isEnd) {
      for (const other of Object.keys(queue)) delete queue[Number(other)]
      run.held = EMPTY
      break
    }
    // After each, not after all: a join that nothing leads to any more stands before what the next ones lead to.
    release(graph, run, queue)
  }
  if (leaves) run.leaves = leaves
  if (firstKey(run) === undefined) {
    run.result = toResult(run.leaves, resultShape)
    run.leaves = EMPTY
  }
  return run
}

const EMPTY: Readonly<Record<number, never>> = Object.freeze({})

/** Lets those joins run that nothing can lead to any more. Should they wait for one another, the first one goes. */
function release(graph: PlanGraph, run: Mutable<PlanRunState>, queue: Record<number, Arrival>): void {
  const keys = Object.keys(run.held)
  if (keys.length === 0) return
  const targets = [...new Set(keys.map((key) => run.held[Number(key)]!.step))]
  const running = Object.values(queue).map(({ step }) => step)
  const ready = targets.filter((target) => {
    const others = targets.filter((other) => other !== target)
    return ![...running, ...others].some((step) => graph.leadsTo(step, target))
  })
  if (ready.length === 0 && running.length === 0) ready.push(targets[0]!)
  if (ready.length === 0) return
  const held = { ...run.held }
  for (const step of ready) {
    const inputs = keys.flatMap((key) => {
      const arrival = held[Number(key)]
      if (arrival?.step !== step) return []
      delete held[Number(key)]
      return [arrival]
    })
    queue[++run.count] = { step, from: inputs.at(-1)!.from!, state: joined(inputs) }
  }
  run.held = held
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Several inputs as one: later keys over earlier ones, `data` and `errors` one level deeper; and each as it was, by the step
 * it came from, as `upstream`.
 */
function joined(inputs: readonly Arrival[]): unknown {
  let state: Fields = {}
  const upstream: Record<string, unknown> = {}
  const nameOf = createNames(new Set(inputs.map(({ from }) => from!)))
  for (const { from, state: input } of inputs) {
    upstream[nameOf(from!)] = input ?? null
    if (!isFields(input)) continue
    const merged: Record<string, unknown> = { ...state, ...input }
    for (const key of ['data', 'errors']) {
      const [one, other] = [state[key], input[key]]
      if (isFields(one) && isFields(other)) merged[key] = { ...one, ...other }
    }
    state = merged
  }
  return { ...state, upstream }
}

/** Names by step, the later ones of a step numbered: `z`, `z-1`, `z-2`, past names that are steps of their own. */
function createNames(taken: ReadonlySet<string>): (step: string) => string {
  const times = new Map<string, number>()
  return (step) => {
    let time = times.get(step) ?? 0
    while (time > 0 && taken.has(`${step}-${time}`)) time++
    times.set(step, time + 1)
    return time === 0 ? step : `${step}-${time}`
  }
}

function toResult(leaves: PlanRunState['leaves'], shape: 'auto' | 'keyed'): PlanResult {
  const all = Object.values(leaves)
  if (all.length === 1 && shape === 'auto') {
    const { state } = all[0]!
    return state === undefined ? {} : { value: state }
  }
  const nameOf = createNames(new Set(all.map(({ step }) => step)))
  const byStep: Record<string, unknown> = {}
  for (const { step, state } of all) {
    const name = nameOf(step)
    if (state !== undefined) byStep[name] = state
  }
  return Object.keys(byStep).length > 0 || shape === 'keyed' ? { value: byStep } : {}
}

function tooMany(step: string, what: string): SystemError {
  return new SystemError(
    'CAPACITY',
    `More than ${MAX_QUEUE} steps of the plan ${what}: let step "${step}" join its inputs with join: "all"`,
    { context: { stepId: step, maxQueue: MAX_QUEUE } },
  )
}

/**
 * The change from one state of a run to the next, as a step returns it. A recipe where there is much that stays as it was: what a
 * partial object holds is looked through as a whole.
 */
export function toStepOutput(before: PlanRunState, after: PlanRunState): object | ((draft: Draft) => void) {
  const size = sizeOf(before.queue) + sizeOf(after.leaves) + sizeOf(after.held)
  return size <= 3 ? after : (draft) => writeChanges(draft, before, after)
}

const sizeOf = (record: object): number => Object.keys(record).length

type Draft = { [key: string]: unknown }

/** Makes the change in a draft of the state before. */
export function writeChanges(draft: Draft, before: PlanRunState, after: PlanRunState): void {
  for (const key of Object.keys(after)) {
    const [one, other] = [before[key], after[key]]
    if (one === other) continue
    if (!isFields(one) || !isFields(other)) {
      draft[key] = other
      continue
    }
    const target = draft[key] as Record<string, unknown>
    for (const name of Object.keys(one)) if (!Object.hasOwn(other, name)) delete target[name]
    for (const name of Object.keys(other)) if (one[name] !== other[name]) target[name] = other[name]
  }
}

/**
 * The state of a run that nobody else can see, store or resume, kept beside the engine: the engine gets what its routers
 * need, and does not look through the states of jobs once more at each boundary.
 */
export class RunMemory {
  state: PlanRunState

  constructor(state: PlanRunState) {
    this.state = state
  }

  /** What the engine gets: the step that comes next. */
  outline(): PlanRunState {
    const { queue, result } = this.state
    const key = firstKey(this.state)
    const first = key === undefined ? EMPTY : { [key]: { step: queue[key]!.step } }
    return { ...NOTHING_RUN, queue: first, ...(result ? { result: {} } : {}) }
  }
}

const NOTHING_RUN: PlanRunState = {
  queue: EMPTY,
  count: 0,
  leaves: EMPTY,
  held: EMPTY,
  loops: Object.freeze({}),
}
