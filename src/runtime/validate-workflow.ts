import * as z from 'zod/mini'
import { isFields } from '../core/is-fields.js'
import { type Issue, SystemError } from '../core/system-error.js'
import type { AnyPipeline, AnyStage, AnyStep } from '../pipeline/pipeline-definition.js'
import { validateAdmissionOptions } from './admission/admission-options.js'
import { findPipelineKey } from './compiled-trigger.js'
import { type Executors, findExecutor } from './executors.js'
import { validateModeOptions } from './modes/create-mode.js'
import type { RegistrationOptions } from './registration-options.js'
import type { AnyWorkflow } from './workflow-definition.js'
import { workflowSchema } from './workflow-schema.js'

/**
 * Everything that is wrong with a workflow and its registration, each with its path; none when it can be registered.
 * Never throws.
 */
export function validateWorkflow(
  workflow: unknown,
  options: RegistrationOptions,
  executors: Executors = {},
): readonly Issue[] {
  try {
    const parsed = z.safeParse(workflowSchema, workflow)
    const issues = parsed.success
      ? []
      : parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }))
    const relations = isFields(workflow) ? relationIssues(workflow as unknown as AnyWorkflow, executors) : []
    // Of a value that is malformed itself enough is said.
    const isSaid = ({ path }: Issue) => issues.some((said) => `${path}.`.startsWith(`${said.path}.`))
    return [...issues, ...relations.filter((each) => !isSaid(each)), ...optionIssues(options)]
  } catch (error) {
    const message =
      error instanceof RangeError ? 'is nested too deeply, or contains itself' : 'could not be read'
    return [{ path: '', message }]
  }
}

/**
 * Returns the options it is to be registered with: those given, before those the workflow brings.
 *
 * @throws {SystemError} `VALIDATION` listing all issues.
 */
export function assertValidWorkflow(
  workflow: unknown,
  given: RegistrationOptions,
  executors: Executors = {},
): RegistrationOptions {
  const options = { ...(workflow as Partial<AnyWorkflow> | null | undefined)?.options, ...given }
  const issues = validateWorkflow(workflow, options, executors)
  if (issues.length === 0) return options
  const id: unknown = (workflow as Partial<AnyWorkflow> | null | undefined)?.id
  const name = typeof id === 'string' && id !== '' ? `workflow "${id}"` : 'a workflow without an id'
  const list = issues.map(({ path, message }) => `${path === '' ? 'it' : path} ${message}`).join('; ')
  throw new SystemError('VALIDATION', `Cannot register ${name}: ${list}`, {
    context: { issues, ...(typeof id === 'string' ? { workflowId: id } : {}) },
  })
}

/** The fields of what should be a record, as far as they are objects. */
function recordOf<Each>(value: Readonly<Record<string, Each>> | undefined): [string, Each][] {
  return isFields(value) ? Object.entries(value).filter(([, each]) => isFields(each)) : []
}

/** The items of what should be an array, as far as they are objects, each with its place. */
function listOf<Each>(value: readonly Each[] | undefined): [number, Each][] {
  return Array.isArray(value) ? [...(value as Each[]).entries()].filter(([, each]) => isFields(each)) : []
}

/** What no single value shows: ids that are taken twice, names that lead nowhere. Passes over what is malformed. */
function relationIssues({ triggers, pipelines }: AnyWorkflow, executors: Executors): Issue[] {
  const issues: Issue[] = []
  const keys = isFields(pipelines) ? Object.keys(pipelines) : []
  if (keys.length === 0) issues.push({ path: 'pipelines', message: 'must hold at least one pipeline' })
  for (const [id, { event, schedule, pipeline }] of recordOf(triggers)) {
    const path = `triggers.${id}`
    if (event === undefined && schedule === undefined) {
      issues.push({ path, message: 'must name an event or a schedule' })
    }
    const key = findPipelineKey(pipeline, Object.fromEntries(recordOf(pipelines)))
    if (pipeline !== undefined && key === undefined) {
      const message = `names no pipeline of the workflow: "${String(pipeline)}"; there are ${keys.join(', ')}`
      issues.push({ path: `${path}.pipeline`, message })
    } else if (key === undefined && keys.length > 1) {
      issues.push({ path: `${path}.pipeline`, message: `must say which of ${keys.join(', ')} it starts` })
    }
  }
  for (const [key, each] of recordOf(pipelines)) pipelineIssues(each, `pipelines.${key}`, executors, issues)
  return issues
}

function pipelineIssues({ stages }: AnyPipeline, path: string, executors: Executors, issues: Issue[]): void {
  if (Array.isArray(stages) && stages.length === 0) {
    issues.push({ path: `${path}.stages`, message: 'must hold at least one stage' })
  }
  const seen = new Set<string>()
  for (const [index, stage] of listOf(stages)) {
    const at = `${path}.stages.${index}`
    idIssue(stage.id, seen, at, issues)
    stageIssues(stage, at, executors, issues)
  }
}

function idIssue(id: unknown, seen: Set<string>, path: string, issues: Issue[]): void {
  if (typeof id !== 'string') return
  if (seen.has(id)) issues.push({ path: `${path}.id`, message: `is taken: "${id}"` })
  seen.add(id)
}

function stageIssues(
  { steps, pipelines, forEach, where, watch }: AnyStage,
  path: string,
  executors: Executors,
  issues: Issue[],
): void {
  for (const [id, step] of recordOf(steps)) {
    stepIssues(step as AnyStep, `${path}.steps.${id}`, executors, issues)
  }
  if (steps && pipelines) issues.push({ path, message: 'must have steps or pipelines, not both' })
  if (forEach && pipelines?.length !== 1) {
    issues.push({
      path: `${path}.pipelines`,
      message: 'must hold the one pipeline that forEach runs per item',
    })
  }
  if (where && !watch) issues.push({ path: `${path}.where`, message: 'needs a watch to narrow' })
  const seen = new Set<string>()
  for (const [index, child] of listOf(pipelines)) {
    const at = `${path}.pipelines.${index}`
    idIssue(child.id, seen, at, issues)
    pipelineIssues(child, at, executors, issues)
  }
}

/** What only a step with a task has. */
const OF_TASKS = ['executor', 'requires', 'input', 'output'] as const

function stepIssues(step: AnyStep, path: string, executors: Executors, issues: Issue[]): void {
  const { action, task, executor } = step
  if ((action === undefined) === (task === undefined)) {
    issues.push({ path, message: 'must have either an action or a task' })
    return
  }
  if (task === undefined) {
    for (const name of OF_TASKS.filter((name) => step[name] !== undefined)) {
      issues.push({ path: `${path}.${name}`, message: 'belongs to a step with a task' })
    }
    return
  }
  if (findExecutor(executors, executor)) return
  const names = Object.keys(executors)
  const known = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`
  issues.push(
    executor === undefined
      ? { path: `${path}.executor`, message: `must name one of the runtime's executors: ${known}` }
      : {
          path: `${path}.executor`,
          message: `names none of the runtime's executors: "${executor}"; ${known}`,
        },
  )
}

const FUNCTIONS = [
  'key',
  'priority',
  'onDispatch',
  'onPrepare',
  'onResume',
  'onComplete',
  'onCleanup',
] as const satisfies readonly (keyof RegistrationOptions)[]

const KNOWN: readonly string[] = ['mode', 'dedupe', 'rateLimit', 'debounce', 'throttle', ...FUNCTIONS]

function optionIssues(options: RegistrationOptions): Issue[] {
  const issues = validateAdmissionOptions(options)
  if (options.mode !== undefined) issues.push(...validateModeOptions(options.mode))
  for (const name of Object.keys(options)) {
    if (!KNOWN.includes(name)) issues.push({ path: name, message: 'is no option of a registration' })
  }
  for (const name of FUNCTIONS) {
    const option: unknown = options[name]
    if (option !== undefined && typeof option !== 'function') {
      issues.push({ path: name, message: 'must be a function' })
    }
  }
  return issues
}
