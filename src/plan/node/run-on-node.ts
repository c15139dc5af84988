import type { JobEngine } from '../job-engine.js'
import { shareEngine } from '../kept-plans.js'
import type { PlanInput } from '../plan-definition.js'
import type { RunOptions } from '../plan-options.js'
import { run as runPlan } from '../run-plan.js'
import { type Isolation, openNodeEngine } from './open-node-engine.js'

export interface NodeRunOptions extends RunOptions {
  /** Where job text is evaluated. Left aside when `engine` is given. @default 'engine' */
  readonly isolation?: Isolation
}

const shared: Readonly<Record<Isolation, JobEngine>> = {
  engine: shareEngine(lazyEngine('engine')),
  thread: shareEngine(lazyEngine('thread')),
}

/**
 * Runs a plan, as `run` of `busline/plan` does, with a linker that knows the disk: paths, repo and `node_modules`. The
 * engines it opens are shared by all runs of the process, and do not keep it alive.
 */
export async function run<Result = unknown>(
  plan: PlanInput,
  input?: unknown,
  { isolation = 'engine', ...options }: NodeRunOptions = {},
): Promise<Result> {
  const engine = options.engine ?? shared[isolation]
  return runPlan<Result>(plan, input, { ...options, engine })
}

/** An engine that is opened when the first text asks for it: plans of functions need none. */
function lazyEngine(isolation: Isolation): JobEngine {
  let engine: Promise<JobEngine> | undefined
  const open = () => (engine ??= openNodeEngine({ isolation }))
  return {
    load: async (job) => (await open()).load(job),
    compileCondition: async (condition) => (await open()).compileCondition(condition),
    close: () => Promise.resolve(),
  }
}
