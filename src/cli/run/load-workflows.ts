import { isFields } from '../../core/is-fields.js'
import type { RegistrationOptions } from '../../runtime/registration-options.js'
import type { WorkflowDefinition } from '../../runtime/workflow-definition.js'
import type { WorkflowRuntime } from '../../runtime/workflow-runtime.js'
import { Failure } from '../failure.js'
import { importModule } from './import-module.js'
import { describeManner } from './workflow-tally.js'

/** What a module of workflows is for whoever runs it. */
export interface WorkflowModule {
  readonly register: (runtime: WorkflowRuntime) => Promise<void>
  /** How workflows treat events when they are busy, in a few words, as far as that is known. */
  readonly manners: ReadonlyMap<string, string>
}

const DEMAND =
  'export as `default` or `workflows` a workflow, [workflow, options], a list of these, or a function (runtime) => void'

/**
 * Imports a module of workflows: JavaScript, or TypeScript where the package tsx is there or Node can.
 *
 * @throws {Failure} When there is no such file, it cannot be imported, or it does not export workflows.
 */
export async function loadWorkflows(file: string): Promise<WorkflowModule> {
  const { workflows, default: standard } = await importModule(file)
  return toWorkflowModule(workflows ?? standard, file)
}

/** @throws {Failure} When these are no workflows. */
export function toWorkflowModule(exported: unknown, file: string): WorkflowModule {
  if (typeof exported === 'function') {
    const register = exported as (runtime: WorkflowRuntime) => unknown
    return { register: async (runtime) => void (await register(runtime)), manners: new Map() }
  }
  const entries = toEntries(exported, file)
  return {
    register: async (runtime) => {
      for (const [workflow, options] of entries) await runtime.register(workflow, options)
    },
    manners: new Map(
      entries.map(([{ id, options }, given]) => [id, describeManner(given?.mode ?? options?.mode)]),
    ),
  }
}

type Entry = readonly [workflow: WorkflowDefinition, options?: RegistrationOptions]

function toEntries(exported: unknown, file: string): readonly Entry[] {
  if (isWorkflow(exported)) return [[exported]]
  if (isPair(exported)) return [exported]
  if (!Array.isArray(exported) || exported.length === 0) throw noWorkflows(exported, file)
  return exported.map((each: unknown): Entry => {
    if (isWorkflow(each)) return [each]
    if (isPair(each)) return each
    throw noWorkflows(each, file)
  })
}

function isWorkflow(value: unknown): value is WorkflowDefinition {
  return typeof value === 'object' && value !== null && 'triggers' in value && 'pipelines' in value
}

function isPair(value: unknown): value is Entry {
  if (!Array.isArray(value) || value.length > 2 || !isWorkflow(value[0])) return false
  const options: unknown = value[1]
  if (options === undefined) return true
  return isFields(options) && !isWorkflow(options)
}

function noWorkflows(value: unknown, file: string): Failure {
  const isUnbuilt = typeof (value as { build?: unknown } | null | undefined)?.build === 'function'
  return new Failure(
    `Cannot use "${file}": ${isUnbuilt ? 'a workflow of the builder must end with .build()' : DEMAND}`,
  )
}
