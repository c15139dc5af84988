import type { ExecutionProfile } from '../../workers/runner/execution-profile.js'
import type { Thresholds } from '../../workers/load/thresholds.js'
import {
  type RunnerClass,
  type RunnerDefinition,
  type RunnerObject,
  defineRunner,
} from '../../workers/runner/runner.js'
import { Failure } from '../failure.js'
import { importModule } from '../run/import-module.js'

/** What a module of a load says. */
export interface LoadModule {
  readonly runner: RunnerDefinition
  readonly profile: ExecutionProfile
  readonly thresholds: Thresholds
  /** What the runner finds as `ctx.options`. */
  readonly options: Readonly<Record<string, unknown>>
  /** How many threads share the load. */
  readonly workers: number
  readonly name: string | undefined
}

const KNOWN = ['default', 'profile', 'thresholds', 'options', 'workers', 'name']

/**
 * Imports a module of a load. It is imported once per thread, too, so what it does besides exporting is done each time.
 *
 * @throws {Failure} When it cannot be imported, or does not export a runner.
 */
export async function loadModule(file: string): Promise<LoadModule> {
  const exports = await importModule(file)
  const { default: code, profile = {}, thresholds = {}, options = {}, workers = 1, name } = exports
  for (const [key, value] of Object.entries({ profile, thresholds, options })) {
    if (typeof value !== 'object' || value === null) throw refuse(file, `"${key}" must be an object`)
  }
  if (!Number.isSafeInteger(workers) || (workers as number) < 1) {
    throw refuse(file, `"workers" must be a whole number from 1: it is ${String(workers)}`)
  }
  if (name !== undefined && typeof name !== 'string') throw refuse(file, '"name" must be text')
  return {
    runner: toRunner(code, file),
    profile: profile as ExecutionProfile,
    thresholds: thresholds as Thresholds,
    options: options as Readonly<Record<string, unknown>>,
    workers: workers as number,
    name,
  }
}

function toRunner(code: unknown, file: string): RunnerDefinition {
  if (isDefinition(code)) return code
  if (typeof code === 'function' && !isRunnerClass(code)) {
    return defineRunner({ execute: code as RunnerObject['execute'] })
  }
  if (typeof code === 'function' || (typeof code === 'object' && code !== null && 'execute' in code)) {
    return defineRunner(code as RunnerClass | RunnerObject)
  }
  throw refuse(
    file,
    `export as default what runs: a function, a class or object with execute(), or what defineRunner() gave; ` +
      `besides it ${KNOWN.slice(1).join(', ')}`,
  )
}

function isDefinition(code: unknown): code is RunnerDefinition {
  return typeof code === 'object' && code !== null && 'create' in code && !('execute' in code)
}

function isRunnerClass(code: object): boolean {
  const { prototype } = code as { prototype?: { execute?: unknown } }
  return typeof prototype?.execute === 'function'
}

function refuse(file: string, why: string): Failure {
  return new Failure(`Cannot use "${file}": ${why}`)
}
