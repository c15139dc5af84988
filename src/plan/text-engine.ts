import { defaultEngine } from './default-engine.js'
import type { JobEngine, JobFault, LoadResult, LoadedCondition, LoadedJob } from './job-engine.js'
import type { GraphEdge, GraphStep, PlanGraph } from './plan-graph.js'
import { ValidationError } from './plan-error.js'
import type { CompileOptions } from './plan-options.js'

/** The job text and condition text of one compiled plan, loaded when they are first needed. */
export class TextEngine {
  readonly #graph: PlanGraph
  readonly #options: CompileOptions
  readonly #jobs = new Map<string, Promise<LoadResult<LoadedJob>>>()
  readonly #conditions = new Map<GraphEdge, Promise<LoadResult<LoadedCondition>>>()
  #prepared: Promise<void> | undefined

  constructor(graph: PlanGraph, options: CompileOptions) {
    this.#graph = graph
    this.#options = options
  }

  /**
   * Compiles every condition, before anything runs.
   *
   * @throws {ValidationError} naming each edge whose condition does not compile.
   */
  prepare(): Promise<void> {
    if (!this.#prepared) {
      const prepared = this.#compileConditions()
      this.#prepared = prepared
      // What an engine could not do once it may be able to do later.
      prepared.catch(() => {
        if (this.#prepared === prepared) this.#prepared = undefined
      })
    }
    return this.#prepared
  }

  /** Compiles a job, once. */
  job(step: GraphStep & { readonly job: string }): Promise<LoadResult<LoadedJob>> {
    return once(this.#jobs, step.id, () => this.#load(step))
  }

  /** Compiled by `prepare`, and again when it was disposed of meanwhile. @throws {ValidationError} when it does not compile. */
  async condition(edge: GraphEdge): Promise<LoadedCondition> {
    const result = await this.#condition(edge)
    if (result.ok) return result.loaded
    throw new ValidationError(toMessage(edge, result.fault))
  }

  /** Forgets what was loaded. */
  async dispose(): Promise<void> {
    const loadings = [...this.#jobs.values(), ...this.#conditions.values()]
    this.#jobs.clear()
    this.#conditions.clear()
    this.#prepared = undefined
    for (const loading of loadings) {
      const result = await loading.catch(() => undefined)
      if (result?.ok) result.loaded.dispose()
    }
  }

  async #load({ id, name, job, modules, definition }: GraphStep & { readonly job: string }) {
    const engine = await this.#engine()
    const { linker, globals } = this.#options
    const globalsSource = this.#graph.plan.workflow.globals
    return engine.load({
      source: job,
      stepId: id,
      name,
      linker: { ...linker, modules: { ...linker?.modules, ...modules } },
      ...(globals ? { globals } : {}),
      ...(globalsSource ? { globalsSource } : {}),
      ...(definition.sourceMap === undefined ? {} : { sourceMap: definition.sourceMap }),
    })
  }

  async #compileConditions(): Promise<void> {
    const edges = [...this.#graph.steps.values()].flatMap((step) => step.edges)
    const failures: { readonly path: string; readonly message: string }[] = []
    for (const edge of edges) {
      if (edge.test.kind !== 'text') continue
      const result = await this.#condition(edge)
      if (!result.ok)
        failures.push({ path: `${edge.from}.next.${edge.to}`, message: toMessage(edge, result.fault) })
    }
    if (failures.length === 0) return
    throw new ValidationError(failures.map(({ message }) => message).join('\n\n'), { issues: failures })
  }

  #condition(edge: GraphEdge): Promise<LoadResult<LoadedCondition>> {
    return once(this.#conditions, edge, () => this.#compile(edge))
  }

  async #compile({ from, to, test }: GraphEdge): Promise<LoadResult<LoadedCondition>> {
    const engine = await this.#engine()
    const { helpers } = this.#options
    const globalsSource = this.#graph.plan.workflow.globals
    return engine.compileCondition({
      source: test.kind === 'text' ? test.source : '',
      from,
      to,
      ...(helpers ? { helpers } : {}),
      ...(globalsSource ? { globalsSource } : {}),
    })
  }

  #engine(): Promise<JobEngine> {
    const { engine } = this.#options
    return engine ? Promise.resolve(engine) : defaultEngine()
  }
}

/** What was loaded before, or is now. A loading that rejects is not kept: the engine could not work, and may later. */
function once<Key, Loaded>(
  kept: Map<Key, Promise<Loaded>>,
  key: Key,
  load: () => Promise<Loaded>,
): Promise<Loaded> {
  const known = kept.get(key)
  if (known) return known
  const loading = load()
  kept.set(key, loading)
  loading.catch(() => {
    if (kept.get(key) === loading) kept.delete(key)
  })
  return loading
}

function toMessage({ from, to }: GraphEdge, { message }: JobFault): string {
  return `Failed to compile edge condition ${from}->${to} (${message})`
}
