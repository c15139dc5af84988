import { access } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe } from '../../core/system-error.js'
import type { RegistrationOptions } from '../../runtime/registration-options.js'
import type { WorkflowDefinition } from '../../runtime/workflow-definition.js'
import type { WorkflowRuntime } from '../../runtime/workflow-runtime.js'
import { Failure } from '../failure.js'
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
  const path = resolve(file)
  await access(path).catch((cause: unknown) => {
    throw new Failure(`Cannot load "${file}": there is no such file`, { cause })
  })
  return toWorkflowModule(await importModule(path, file), file)
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
  return typeof options === 'object' && options !== null && !Array.isArray(options) && !isWorkflow(options)
}

function noWorkflows(value: unknown, file: string): Failure {
  const isUnbuilt = typeof (value as { build?: unknown } | null | undefined)?.build === 'function'
  return new Failure(
    `Cannot use "${file}": ${isUnbuilt ? 'a workflow of the builder must end with .build()' : DEMAND}`,
  )
}

async function importModule(path: string, file: string): Promise<unknown> {
  const url = pathToFileURL(path).href
  const isTypeScript = /\.[cm]?tsx?$/.test(path)
  if (isTypeScript) await startTsx(path)
  try {
    const imported = (await import(/* @vite-ignore */ url)) as Exports
    // Of a CommonJS module everything is under `default`.
    const inner = imported.default as Exports | undefined
    const exports = inner?.__esModule === true ? inner : imported
    return exports.workflows ?? exports.default
  } catch (error) {
    const { code } = error as { readonly code?: string }
    const needsTsx = isTypeScript && (code === 'ERR_UNKNOWN_FILE_EXTENSION' || code?.includes('TYPESCRIPT'))
    const reason = needsTsx
      ? 'for TypeScript install the package tsx, or run on Node 22.18 or later'
      : `${describe(error)}${placeIn(error, path)}`
    throw new Failure(`Cannot load "${file}": ${reason}`, { cause: error })
  }
}

interface Exports {
  readonly __esModule?: boolean
  readonly default?: unknown
  readonly workflows?: unknown
}

/** Lets Node import TypeScript through the package tsx, of the module's project or of ours; nothing where there is none. */
async function startTsx(path: string): Promise<void> {
  for (const from of [path, fileURLToPath(import.meta.url)]) {
    try {
      // Of its two builds, the one for `require` cannot register from a file URL.
      const api = createRequire(from)
        .resolve('tsx/esm/api')
        .replace(/\.cjs$/, '.mjs')
      const { register } = (await import(/* @vite-ignore */ pathToFileURL(api).href)) as {
        register: () => unknown
      }
      // For as long as the process lives: what was imported may import more.
      register()
      return
    } catch {
      // Then the next, or Node itself.
    }
  }
}

/** Where in the module it was thrown, if it was there. */
function placeIn(error: unknown, path: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const at = stack.split('\n').find((line) => line.includes(path))
  const [, place] = /:(\d+(?::\d+)?)\)?$/.exec(at ?? '') ?? []
  return place === undefined ? '' : ` (${basename(path)}:${place})`
}
