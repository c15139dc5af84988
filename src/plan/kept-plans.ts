import { type CompiledPlan, compileGraph } from './compile-plan.js'
import type { JobEngine } from './job-engine.js'
import type { PlanInput } from './plan-definition.js'
import type { PlanGraph } from './plan-graph.js'
import type { RunOptions } from './plan-options.js'
import { readPlan } from './read-plan.js'

/** Texts of which the compiled plan is kept. */
const MAX_TEXTS = 64

/** A longer text is compiled for each run, and not held. */
const MAX_TEXT_LENGTH = 100_000

/**
 * Plans that `run` has compiled, for the next run of the same one: of one engine that everybody shares, and without
 * options. So nothing that one caller gave is seen by another, and there is nothing to dispose of.
 */
class KeptPlans {
  /** The latest comes last. */
  readonly #byText = new Map<string, CompiledPlan>()
  readonly #byGraph = new WeakMap<PlanGraph, CompiledPlan>()

  find(plan: PlanInput, options: RunOptions): CompiledPlan | undefined {
    if (typeof plan !== 'string') return this.#ofGraph(readPlan(plan, options), options)
    if (plan.length > MAX_TEXT_LENGTH) return undefined
    const compiled = this.#byText.get(plan) ?? compileGraph(readPlan(plan, options), options)
    this.#byText.delete(plan)
    this.#byText.set(plan, compiled)
    if (this.#byText.size > MAX_TEXTS) this.#byText.delete(this.#byText.keys().next().value!)
    return compiled
  }

  /** Whatever went wrong with a plan must not stay with it. */
  forget(plan: PlanInput, options: RunOptions): void {
    if (typeof plan === 'string') this.#byText.delete(plan)
    else this.#byGraph.delete(readPlan(plan, options))
  }

  #ofGraph(graph: PlanGraph, options: RunOptions): CompiledPlan {
    const known = this.#byGraph.get(graph)
    if (known) return known
    const compiled = compileGraph(graph, options)
    this.#byGraph.set(graph, compiled)
    return compiled
  }
}

const ofEngine = new WeakMap<JobEngine, KeptPlans>()
const ofDefaultEngine = new KeptPlans()

/** Says that an engine is never closed, and the same for everybody. */
export function shareEngine(engine: JobEngine): JobEngine {
  ofEngine.set(engine, new KeptPlans())
  return engine
}

/** Where the plans of such options are kept, if they are. */
export function keptPlans(options: RunOptions): KeptPlans | undefined {
  const { engine, ...others } = options
  for (const key in others) if (others[key as keyof typeof others] !== undefined) return undefined
  return engine ? ofEngine.get(engine) : ofDefaultEngine
}
