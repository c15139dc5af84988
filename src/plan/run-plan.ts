import { compilePlan } from './compile-plan.js'
import { keptPlans } from './kept-plans.js'
import type { PlanInput } from './plan-definition.js'
import type { RunOptions } from './plan-options.js'

/**
 * Runs a plan to its end, and resolves to the final state: bare for one leaf, by step id for several, `undefined` where no
 * job returned anything. A job that fails leaves its error in `state.errors` and the run goes on; one that crashes, or takes
 * too long, rejects with its error.
 *
 * @param plan A plan, or the one job of one: its text, its function, or its operations.
 * @param input The state to begin with; a string is the id of one, which `callbacks.resolveState` knows.
 * @throws {ValidationError} when the plan is not one, listing every fault with its path.
 */
export async function run<Result = unknown>(
  plan: PlanInput,
  input?: unknown,
  options: RunOptions = {},
): Promise<Result> {
  const { signal, ...rest } = options
  // An empty expression is nothing to do.
  if (plan === '') return input as Result
  const passed = signal ? { signal } : {}
  const kept = keptPlans(rest)
  const known = kept?.find(plan, rest)
  if (known) {
    try {
      return (await known.run(input, passed)) as Result
    } catch (error) {
      kept!.forget(plan, rest)
      throw error
    }
  }
  const compiled = compilePlan(plan, rest)
  try {
    return (await compiled.run(input, passed)) as Result
  } finally {
    await compiled.dispose()
  }
}
