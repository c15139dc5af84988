import { checkRequires } from '../../core/check-requires.js'
import { SystemError } from '../../core/system-error.js'
import type { WorkerCriteria } from '../pool/worker-info.js'
import { StepFields } from './step-fields.js'

/** What a step may require of a worker, in `requires`. */
export interface RemoteRequirements {
  /** A model it serves. */
  readonly model?: string
  /** What counts against the worker's `concurrencyLimits`. */
  readonly category?: string
  /** Facts its `metadata` must state. */
  readonly metadata?: Readonly<Record<string, string | number | boolean>>
  /** Where it should be; others are taken when nobody there is free. */
  readonly zone?: string
  /** The same key goes to the same worker while that is there and has room. */
  readonly affinityKey?: string
  /** Higher ones leave the queue first. @default 0 */
  readonly priority?: number
}

/** The requirements of a step, checked. */
export interface Requirements {
  readonly criteria: WorkerCriteria
  readonly priority: number
  /** The same for all that can be done by the same workers. */
  readonly lane: string
  /** What requests of a step say alike. */
  readonly fields: StepFields
}

/** The same objects come again with every run of a step. */
const known = new WeakMap<object, Map<string, Requirements>>()

/** @throws {SystemError} `VALIDATION` for a requirement that is not known or not well formed. */
export function readRequirements(task: string, requires: Readonly<Record<string, unknown>>): Requirements {
  let byTask: Map<string, Requirements> | undefined = known.get(requires)
  if (!byTask) {
    checkRequires({ task, requires })
    known.set(requires, (byTask = new Map<string, Requirements>()))
  }
  let requirements = byTask.get(task)
  if (!requirements) byTask.set(task, (requirements = read(task, requires)))
  return requirements
}

function read(task: string, requires: Readonly<Record<string, unknown>>): Requirements {
  const { model, category, metadata, zone, affinityKey, priority = 0, ...rest } = requires
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) {
    throw invalid(task, `requires.${unknown}`, `is not known: there are ${NAMES.join(', ')}`)
  }
  for (const [name, value] of Object.entries({ model, category, zone, affinityKey })) {
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw invalid(task, `requires.${name}`, 'must be a string that is not empty')
    }
  }
  if (typeof priority !== 'number' || !Number.isFinite(priority))
    throw invalid(task, 'requires.priority', 'must be a number')
  if (metadata !== undefined && !isFacts(metadata)) {
    throw invalid(task, 'requires.metadata', 'must be an object of strings, numbers and booleans')
  }
  const criteria = { task, model, category, metadata, zone, affinityKey } as WorkerCriteria
  return {
    criteria,
    priority,
    lane: JSON.stringify([task, model, category, metadata]),
    fields: new StepFields(criteria.category),
  }
}

const NAMES = ['model', 'category', 'metadata', 'zone', 'affinityKey', 'priority']

function isFacts(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((fact) => ['string', 'number', 'boolean'].includes(typeof fact))
}

function invalid(task: string, path: string, what: string): SystemError {
  return new SystemError('VALIDATION', `Cannot run task "${task}": "${path}" ${what}`, {
    context: { task, path },
  })
}
