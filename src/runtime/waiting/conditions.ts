import type { BusEvent } from '../../core/bus-event.js'
import { type PathValue, readPath } from '../../pipeline/state-path.js'
import type { StateObject } from '../../state/change.js'
import type { Condition, WatchDescriptor } from '../../pipeline/watch-descriptor.js'

/**
 * What can be said of an event and a watch:
 * - `never` a comparison with a constant fails, and no change of the state can mend that;
 * - `no` a comparison with the state fails, as the state is now;
 * - `open` it hangs on a place in the state that is not there yet;
 * - `yes` it fits.
 */
export type Fit = 'never' | 'no' | 'open' | 'yes'

/** Whether an event fits the conditions of a descriptor, which are joined by AND. */
export function fits(descriptor: WatchDescriptor, event: BusEvent, state: StateObject): Fit {
  let fit: Fit = 'yes'
  for (const condition of descriptor.conditions ?? []) {
    const holds = conditionHolds(condition, event.payload, state)
    if (holds === false && condition.valueFrom === undefined) return 'never'
    if (holds === false) fit = 'no'
    else if (holds === undefined && fit === 'yes') fit = 'open'
  }
  return fit
}

function conditionHolds(condition: Condition, payload: unknown, state: StateObject): boolean | undefined {
  const { field, op, value } = condition
  const found = readPath(payload, field)
  if (op === 'exists') return found.isPresent === (value ?? true)
  const wanted = wantedValue(condition, state)
  if (!wanted.isPresent) return undefined
  // A missing field is unlike everything, and neither more nor less than anything.
  if (!found.isPresent) return op === '!='
  return compare(found.value, op, wanted.value)
}

/** The value a condition compares with: its own, or the one the state holds now. */
export function wantedValue({ value, valueFrom }: Condition, state: StateObject): PathValue {
  return valueFrom === undefined ? { isPresent: true, value } : readPath(state, valueFrom)
}

function compare(left: unknown, op: Exclude<Condition['op'], 'exists'>, right: unknown): boolean {
  if (op === '==') return left === right
  if (op === '!=') return left !== right
  // Numbers are ordered among themselves, and strings are; nothing else is.
  if (typeof left === 'number' && typeof right === 'number') return isOrdered(left, op, right)
  if (typeof left === 'string' && typeof right === 'string') return isOrdered(left, op, right)
  return false
}

function isOrdered<Value extends number | string>(
  left: Value,
  op: '>' | '>=' | '<' | '<=',
  right: Value,
): boolean {
  switch (op) {
    case '>':
      return left > right
    case '>=':
      return left >= right
    case '<':
      return left < right
    case '<=':
      return left <= right
  }
}
