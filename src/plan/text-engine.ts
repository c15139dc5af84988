import { defaultEngine } from './default-engine.js'
import type { JobEngine, LoadResult, LoadedCondition, LoadedJob } from './job-engine.js'
import type { GraphEdge, GraphStep, PlanGraph } from './plan-graph.js'
import { ValidationError } from './plan-error.js'
import type { CompileOptions } from './plan-options.js'

/** The job text and condition text of one compiled plan, loaded when they are first needed. */
export class TextEngine {
  readonly #graph: PlanGraph
  readonly #options: CompileOptions
  readonly #jobs = new Map<string, Promise<LoadResult<LoadedJob>>>()
  readonly #conditions = new Map<GraphEdge, LoadedCondition>()
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
    this.#prepared ??= this.#compileConditions()
    return this.#prepared
  }

  /** Compiles a job, once. */
  job(step: GraphStep & { readonly job: string }): Promise<LoadResult<LoadedJob>> {
    let loading = this.#jobs.get(step.id)
    if (!loading) this.#jobs.set(step.id, (loading = this.#load(step)))
    return loading
  }

  condition(edge: GraphEdge): LoadedCondition {
    return this.#conditions.get(edge)!
  }

  /** Forgets what was loaded. */
  async dispose(): Promise<void> {
    const jobs = [...this.#jobs.values()]
    this.#jobs.clear()
    for (const condition of this.#conditions.values()) condition.dispose()
    this.#conditions.clear()
    this.#prepared = undefined
    for (const loading of jobs) {
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
    const texts = edges.filter(({ test }) => test.kind === 'text')
    if (texts.length === 0) return
    const engine = await this.#engine()
    const { helpers } = this.#options
    const globalsSource = this.#graph.plan.workflow.globals
    const failures: { readonly path: string; readonly message: string }[] = []
    for (const edge of texts) {
      const { from, to, test } = edge
      if (test.kind !== 'text') continue
      const result = await engine.compileCondition({
        source: test.source,
        from,
        to,
        ...(helpers ? { helpers } : {}),
        ...(globalsSource ? { globalsSource } : {}),
      })
      if (result.ok) this.#conditions.set(edge, result.loaded)
      else {
        const message = `Failed to compile edge condition ${from}->${to} (${result.fault.message})`
        failures.push({ path: `${from}.next.${to}`, message })
      }
    }
    if (failures.length === 0) return
    throw new ValidationError(failures.map(({ message }) => message).join('\n\n'), { issues: failures })
  }

  #engine(): Promise<JobEngine> {
    const { engine } = this.#options
    return engine ? Promise.resolve(engine) : defaultEngine()
  }
}
