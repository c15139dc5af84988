import type { Issue } from '../core/system-error.js'
import { isStatePath } from './state-path.js'

/** How a field of the payload is compared. `exists` takes `value: true` (default) or `value: false`. */
export type ConditionOperator = '==' | '!=' | '>' | '>=' | '<' | '<=' | 'exists'

/** One comparison: a dotted path into the payload against a value, or against a dotted path into the run's state. */
export interface Condition {
  readonly field: string
  readonly op: ConditionOperator
  readonly value?: unknown
  readonly valueFrom?: string
}

/**
 * What a run waits for, as data: it can be stored, sent and indexed.
 * Conditions are joined by AND; with several events they apply to each of them.
 */
export interface WatchDescriptor {
  /** The type of the event waited for; exclusive with `events`. */
  readonly event?: string
  /** Several types: one of them (`any`, default) or one of each (`all`). */
  readonly events?: readonly string[]
  readonly mode?: 'any' | 'all'
  readonly conditions?: readonly Condition[]
  /** Payload path → state path. Without it the state is left alone and the event is read from `ctx.resume`. */
  readonly assign?: Readonly<Record<string, string>>
}

export const CONDITION_OPERATORS: readonly ConditionOperator[] = ['==', '!=', '>', '>=', '<', '<=', 'exists']

/** Every fault of a descriptor, with its path below `path`. */
export function validateDescriptor(descriptor: unknown, path: string): readonly Issue[] {
  const issues: Issue[] = []
  const refuse = (field: string, message: string) => {
    issues.push({ path: field === '' ? path : `${path}.${field}`, message })
  }
  if (typeof descriptor !== 'object' || descriptor === null) {
    refuse('', 'must be an object such as { event: "order:approved" }')
    return issues
  }
  const { event, events, mode, conditions, assign } = descriptor as Partial<WatchDescriptor>
  const types: unknown = event === undefined ? events : [event]
  if (event !== undefined && events !== undefined) refuse('events', 'must not stand beside "event"')
  if (!Array.isArray(types) || types.length === 0 || !types.every(isText)) {
    refuse(event === undefined ? 'events' : 'event', 'must name the event to wait for')
  }
  if (mode !== undefined && mode !== 'any' && mode !== 'all') refuse('mode', 'must be "any" or "all"')
  if (conditions !== undefined && !Array.isArray(conditions)) refuse('conditions', 'must be an array')
  else
    conditions?.forEach((condition: Condition, index) =>
      checkCondition(condition, `conditions.${index}`, refuse),
    )
  for (const [from, to] of Object.entries(assign ?? {})) {
    if (!isStatePath(from) || !isStatePath(to))
      refuse(`assign.${from}`, 'must map a payload path to a state path')
  }
  return issues
}

function checkCondition(
  condition: Partial<Condition> | null,
  path: string,
  refuse: (field: string, message: string) => void,
): void {
  const { field, op, value, valueFrom } = condition ?? {}
  if (!isStatePath(field)) refuse(`${path}.field`, 'must be a dotted path into the payload')
  if (!CONDITION_OPERATORS.includes(op!))
    refuse(`${path}.op`, `must be one of ${CONDITION_OPERATORS.join(' ')}`)
  if (valueFrom !== undefined && !isStatePath(valueFrom)) {
    refuse(`${path}.valueFrom`, 'must be a dotted path into the state')
  }
  if (valueFrom !== undefined && value !== undefined)
    refuse(path, 'must have "value" or "valueFrom", not both')
  if (op !== 'exists' && value === undefined && valueFrom === undefined) {
    refuse(path, 'must have "value" or "valueFrom"')
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value !== '*'
}
