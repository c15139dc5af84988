import type { StepExecutor } from '../core/step-executor.js'

/** Where the tasks of steps run, by the name that steps call them. */
export type Executors = Readonly<Record<string, StepExecutor>>

/** The executor of a step: the one it names, else the one named `default`, else the only one. */
export function findExecutor(executors: Executors, name: string | undefined): StepExecutor | undefined {
  if (name !== undefined) return Object.hasOwn(executors, name) ? executors[name] : undefined
  if (Object.hasOwn(executors, 'default')) return executors['default']
  const all = Object.values(executors)
  return all.length === 1 ? all[0] : undefined
}
