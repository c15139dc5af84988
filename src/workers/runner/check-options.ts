import { freezePlainData, isPlainObject } from '../../core/plain-data.js'
import { type Issue, SystemError, isSystemError } from '../../core/system-error.js'
import { readThresholds } from '../load/thresholds.js'
import { checkProfile } from './check-profile.js'
import type { RunnerOptions, RunnerUpdate } from './runner-options.js'

const OPTIONS = ['testType', 'executionProfile', 'options', 'tags', 'thresholds']
const UPDATES = ['executionProfile', 'options', 'tags']

/**
 * A frozen copy of the options, once they are found to be right.
 *
 * @throws {SystemError} `VALIDATION` naming every field that is wrong, and what is allowed.
 */
export function checkRunnerOptions(given: RunnerOptions): RunnerOptions {
  const issues = checkShape(given, OPTIONS)
  if (issues.length === 0 && (typeof given.testType !== 'string' || given.testType === '')) {
    issues.push({ path: 'testType', message: 'must be the name of a runner, a non-empty text' })
  }
  refuseIssues('add the runner', issues)
  return freezePlainData(given)
}

/**
 * The options with an update merged in, which are checked as a whole; the old ones are left as they are.
 *
 * @throws {SystemError} `VALIDATION` naming every field that is wrong, and what is allowed.
 */
export function mergeUpdate(options: RunnerOptions, update: RunnerUpdate): RunnerOptions {
  const issues = checkShape(update, UPDATES, false)
  refuseIssues('update the runner', issues)
  const merged = mergeDeep(options, update) as RunnerOptions
  refuseIssues('update the runner', merged.executionProfile ? checkProfile(merged.executionProfile) : [])
  return freezePlainData(merged)
}

/** The load model must not change while it runs. */
export function checkSameExecutor(before: RunnerOptions, after: RunnerOptions): void {
  const executorOf = ({ executionProfile }: RunnerOptions) => executionProfile?.executor ?? 'iterations'
  if (executorOf(before) === executorOf(after)) return
  const message = `must stay ${executorOf(before)} once the runner has started`
  refuseIssues('update the runner', [{ path: 'executionProfile.executor', message }])
}

function checkShape(given: unknown, known: readonly string[], isWhole = true): Issue[] {
  if (typeof given !== 'object' || given === null || !isPlainObject(given)) {
    return [{ path: '', message: `must be a plain object with ${known.join(', ')}` }]
  }
  const { executionProfile, options, tags, thresholds } = given as Readonly<Record<string, unknown>>
  const issues: Issue[] = Object.keys(given)
    .filter((key) => !known.includes(key))
    .map((path) => ({ path, message: `is not known: allowed are ${known.join(', ')}` }))
  if (executionProfile !== undefined) {
    if (isWhole) issues.push(...checkProfile(executionProfile))
    else if (!isRecord(executionProfile)) {
      issues.push({ path: 'executionProfile', message: 'must be a plain object' })
    }
  }
  if (options !== undefined && !isRecord(options))
    issues.push({ path: 'options', message: 'must be a plain object' })
  if (isWhole && thresholds !== undefined) issues.push(...readThresholds(thresholds).issues)
  if (tags !== undefined && !(Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'))) {
    issues.push({ path: 'tags', message: 'must be a list of texts' })
  }
  return issues.length > 0 ? issues : checkPlain(given)
}

function checkPlain(given: object): Issue[] {
  try {
    freezePlainData(given)
    return []
  } catch (error) {
    if (!isSystemError(error)) throw error
    const { path } = error.context
    return [{ path: typeof path === 'string' ? path : '', message: error.message }]
  }
}

function mergeDeep(old: unknown, changed: unknown): unknown {
  if (changed === undefined) return old
  if (!isRecord(old) || !isRecord(changed)) return changed
  const merged: Record<string, unknown> = { ...old }
  for (const key of Object.keys(changed)) merged[key] = mergeDeep(old[key], changed[key])
  return merged
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && isPlainObject(value)
}

function refuseIssues(what: string, issues: readonly Issue[]): void {
  if (issues.length === 0) return
  const told = issues.map(({ path, message }) => (path === '' ? `it ${message}` : `"${path}" ${message}`))
  throw new SystemError('VALIDATION', `Cannot ${what}: ${told.join('; ')}`, { context: { issues } })
}
