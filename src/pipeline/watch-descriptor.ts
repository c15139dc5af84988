import { isFields } from '../core/is-fields.js'
import type { Issue } from '../core/system-error.js'
import { isStatePath } from './state-path.js'

/** How a field of the payload is compared. `exists` takes `value: true` (default) or `value: false`. */
export type ConditionOperator = '==' | '!=' | '>' | '>=' | '<' | '<=' | 'exists'

/**
 * One comparison: a dotted path into the payload against a value, or against what stands at a dotted path in the run's
 * state. A missing field satisfies only `!=`, and `exists` with `value: false`; `null` is a value.
 */
export interface Condition {
  readonly field: string
  readonly op: ConditionOperator
  /** A string, a finite number, `true`, `false` or `null`. Exclusive with `valueFrom`. */
  readonly value?: unknown
  /** Read when the run pauses. While the state has nothing there, events are kept until it has. */
  readonly valueFrom?: string
}

/**
 * What a run waits for, as data: it can be stored, sent and indexed.
 */
export interface WatchDescriptor {
  /** The type of the event waited for; exclusive with `events`. */
  readonly event?: string
  /** Several types: one of them (`any`, default) or one of each (`all`). */
  readonly events?: readonly string[]
  readonly mode?: 'any' | 'all'
  /** Joined by AND; with several events they apply to each of them. */
  readonly conditions?: readonly Condition[]
  /** Payload path → state path. Without it the state is left alone and the event is read from `ctx.resume`. */
  readonly assign?: Readonly<Record<string, string>>
}

export const CONDITION_OPERATORS: readonly ConditionOperator[] = ['==', '!=', '>', '>=', '<', '<=', 'exists']

const DESCRIPTOR_FIELDS = ['event', 'events', 'mode', 'conditions', 'assign']
const CONDITION_FIELDS = ['field', 'op', 'value', 'valueFrom']

/** Every fault of a descriptor, with its path below `path`. */
export function validateDescriptor(descriptor: unknown, path: string): readonly Issue[] {
  const issues: Issue[] = []
  const refuse: Refuse = (field, message) => {
    issues.push({ path: field === '' ? path : `${path}.${field}`, message })
  }
  if (!isFields(descriptor)) {
    refuse('', 'must be an object such as { event: "order:approved" }')
    return issues
  }
  const { event, events, mode, conditions = [], assign = {} } = descriptor
  refuseUnknown(descriptor, DESCRIPTOR_FIELDS, '', refuse)
  const types = event === undefined ? events : [event]
  if (event !== undefined && events !== undefined) refuse('events', 'must not stand beside "event"')
  if (!Array.isArray(types) || types.length === 0 || !types.every(isText)) {
    refuse(event === undefined ? 'events' : 'event', 'must name the event to wait for')
  }
  if (mode !== undefined && mode !== 'any' && mode !== 'all') refuse('mode', 'must be "any" or "all"')
  if (!Array.isArray(conditions)) refuse('conditions', 'must be an array')
  else conditions.forEach((condition, index) => checkCondition(condition, `conditions.${index}`, refuse))
  if (!isFields(assign)) refuse('assign', 'must be an object of payload paths and state paths')
  else
    for (const [from, to] of Object.entries(assign)) {
      if (!isStatePath(from) || !isStatePath(to))
        refuse(`assign.${from}`, 'must map a payload path to a state path')
    }
  return issues
}

type Refuse = (field: string, message: string) => void

function checkCondition(condition: unknown, path: string, refuse: Refuse): void {
  if (!isFields(condition)) return refuse(path, 'must be an object such as { field, op, value }')
  const { field, op, value, valueFrom } = condition
  refuseUnknown(condition, CONDITION_FIELDS, path, refuse)
  if (!isStatePath(field)) refuse(`${path}.field`, 'must be a dotted path into the payload')
  if (!CONDITION_OPERATORS.includes(op as ConditionOperator))
    refuse(`${path}.op`, `must be one of ${CONDITION_OPERATORS.join(' ')}`)
  if (op === 'exists') {
    if (valueFrom !== undefined) refuse(`${path}.valueFrom`, 'must not stand beside "exists"')
    if (value !== undefined && typeof value !== 'boolean') refuse(`${path}.value`, 'must be true or false')
    return
  }
  if (valueFrom !== undefined && !isStatePath(valueFrom)) {
    refuse(`${path}.valueFrom`, 'must be a dotted path into the state')
  }
  if ((value === undefined) === (valueFrom === undefined)) {
    refuse(
      path,
      value === undefined ? 'must have "value" or "valueFrom"' : 'must have "value" or "valueFrom", not both',
    )
  }
  // Anything else is equal to nothing, so that the run would wait in vain.
  if (value !== undefined && !isScalar(value)) {
    refuse(`${path}.value`, 'must be a string, a finite number, true, false or null')
  }
}

/** A misspelt field must not be ignored: a watch without its conditions takes any event. */
function refuseUnknown(value: object, known: readonly string[], path: string, refuse: Refuse): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) refuse(path, `has no field "${key}": its fields are ${known.join(', ')}`)
  }
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value !== '*'
}
