import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Condition, type ConditionOperator, type WatchDescriptor } from 'busline'
import { CONDITION_OPERATORS, validateDescriptor } from '../../../src/pipeline/watch-descriptor.js'
import { fits } from '../../../src/runtime/waiting/conditions.js'

const event = (payload: unknown) => ({ id: 'e', type: 'a', payload, timestamp: 0 })
const fit = (payload: unknown, condition: Condition, state: Record<string, unknown> = {}) =>
  fits({ event: 'a', conditions: [condition] }, event(payload), state)

describe('a condition', () => {
  it.each<[unknown, ConditionOperator, unknown, boolean]>([
    [1, '==', 1, true],
    [1, '==', '1', false],
    [0, '==', -0, true],
    [null, '==', null, true],
    [undefined, '==', null, false],
    [1, '!=', 2, true],
    [1, '!=', 1, false],
    [null, '!=', null, false],
    [2, '>', 1, true],
    [1, '>', 1, false],
    [1, '>=', 1, true],
    [0, '>=', 1, false],
    [1, '<', 2, true],
    [2, '<', 2, false],
    [2, '<=', 2, true],
    [3, '<=', 2, false],
    ['b', '>', 'a', true],
    ['a', '<', 'b', true],
    ['a', '>=', 'a', true],
    ['10', '<', '9', true],
    ['10', '>', 9, false],
    ['10', '<', 9, false],
    [null, '<=', 0, false],
    [null, '>=', 0, false],
    [true, '>', false, false],
    [{}, '==', 'x', false],
    [[], '!=', 'x', true],
    ['anything', 'exists', undefined, true],
    ['anything', 'exists', true, true],
    ['anything', 'exists', false, false],
    [null, 'exists', true, true],
    [undefined, 'exists', true, true],
  ])('compares %j %s %j: %s', (left, op, value, expected) => {
    const condition = { field: 'x', op, ...(value === undefined ? {} : { value }) }
    expect(fit({ x: left }, condition)).toBe(expected ? 'yes' : 'never')
  })

  it('on a missing field holds for != and for exists with value false, and for nothing else', () => {
    const holding = CONDITION_OPERATORS.filter((op) => fit({}, { field: 'x', op, value: 1 }) === 'yes')
    expect(holding).toEqual(['!='])
    expect(fit({}, { field: 'x', op: 'exists', value: false })).toBe('yes')
    expect(fit({}, { field: 'x', op: 'exists', value: true })).toBe('never')
    expect(fit({}, { field: 'x', op: 'exists' })).toBe('never')
  })

  it.each([[null], [undefined], [7], ['text'], [true], [[]]])(
    'on the payload %j finds no field',
    (payload) => {
      expect(fit(payload, { field: 'x', op: 'exists', value: false })).toBe('yes')
      expect(fit(payload, { field: 'x.y', op: '==', value: 1 })).toBe('never')
    },
  )

  it('reads dotted paths, list items too', () => {
    expect(fit({ a: { b: [{ c: 5 }] } }, { field: 'a.b.0.c', op: '==', value: 5 })).toBe('yes')
    expect(fit({ a: null }, { field: 'a.b', op: 'exists', value: false })).toBe('yes')
  })

  it.each(['toString', 'a.hasOwnProperty', 'list.map', 'a.constructor', '__proto__.x', 'list.__proto__'])(
    'does not follow %s into a prototype',
    (field) => {
      const payload = { a: {}, list: [] }
      expect(fit(payload, { field, op: 'exists' })).toBe('never')
      expect(fit({ x: 1 }, { field: 'x', op: '!=', valueFrom: field }, payload)).toBe('open')
    },
  )

  it('with valueFrom compares with the state as it is, and is open while there is nothing', () => {
    const condition = { field: 'id', op: '==', valueFrom: 'order.id' } as const
    expect(fit({ id: 7 }, condition, {})).toBe('open')
    expect(fit({ id: 7 }, condition, { order: null })).toBe('open')
    expect(fit({ id: 7 }, condition, { order: { id: 7 } })).toBe('yes')
    expect(fit({ id: 7 }, condition, { order: { id: 8 } })).toBe('no')
    expect(fit({ id: 7 }, condition, { order: { id: null } })).toBe('no')
    expect(fit({ id: null }, condition, { order: { id: null } })).toBe('yes')
    expect(fit({}, condition, { order: { id: undefined } })).toBe('no')
    expect(fit({}, condition, {})).toBe('open')
  })

  it('is joined to the others by AND: what can never hold counts most, then what does not, then what is open', () => {
    const never = { field: 'x', op: '==', value: 2 } as const
    const no = { field: 'x', op: '==', valueFrom: 'two' } as const
    const open = { field: 'x', op: '==', valueFrom: 'missing' } as const
    const yes = { field: 'x', op: '==', value: 1 } as const
    const answer = (...conditions: Condition[]) =>
      fits({ event: 'a', conditions }, event({ x: 1 }), { two: 2 })
    expect(answer()).toBe('yes')
    expect(answer(yes, open, no, never)).toBe('never')
    expect(answer(never, no, open, yes)).toBe('never')
    expect(answer(open, no, yes)).toBe('no')
    expect(answer(no, open, yes)).toBe('no')
    expect(answer(yes, open)).toBe('open')
  })

  it('orders values as its opposite says the reverse', () => {
    const value = fc.oneof(fc.integer(), fc.string(), fc.constantFrom(null, true, false))
    fc.assert(
      fc.property(value, value, (x, value) => {
        const holds = (op: ConditionOperator) => fit({ x }, { field: 'x', op, value }) === 'yes'
        expect(holds('!=')).toBe(!holds('=='))
        const isOrdered = typeof x === typeof value && (typeof x === 'number' || typeof x === 'string')
        expect([holds('<') !== holds('>='), holds('>') !== holds('<=')]).toEqual([isOrdered, isOrdered])
        expect(holds('<=')).toBe(holds('<') || (isOrdered && holds('==')))
      }),
    )
  })
})

describe('validateDescriptor()', () => {
  it.each<[string, unknown, string]>([
    ['what is no object', 'a', 'until'],
    ['a list', [], 'until'],
    ['nothing to wait for', {}, 'until.events'],
    ['no types', { events: [] }, 'until.events'],
    ['an empty type', { event: '' }, 'until.event'],
    ['all types at once', { event: '*' }, 'until.event'],
    ['two ways to name types', { event: 'a', events: ['b'] }, 'until.events'],
    ['an unknown mode', { event: 'a', mode: 'some' }, 'until.mode'],
    ['a misspelt field', { event: 'a', condition: [] }, 'until'],
    ['conditions that are no list', { event: 'a', conditions: {} }, 'until.conditions'],
    ['a condition that is no object', { event: 'a', conditions: [null] }, 'until.conditions.0'],
    [
      'a condition with a misspelt field',
      { event: 'a', conditions: [{ field: 'x', op: '==', values: 1, value: 2 }] },
      'until.conditions.0',
    ],
    [
      'an unknown operator',
      { event: 'a', conditions: [{ field: 'x', op: '=~', value: 1 }] },
      'until.conditions.0.op',
    ],
    [
      'a field in a prototype',
      { event: 'a', conditions: [{ field: 'a.__proto__', op: 'exists' }] },
      'until.conditions.0.field',
    ],
    [
      'a path with a hole',
      { event: 'a', conditions: [{ field: 'a..b', op: 'exists' }] },
      'until.conditions.0.field',
    ],
    [
      'a comparison with nothing',
      { event: 'a', conditions: [{ field: 'x', op: '>' }] },
      'until.conditions.0',
    ],
    [
      'two values',
      { event: 'a', conditions: [{ field: 'x', op: '>', value: 1, valueFrom: 'y' }] },
      'until.conditions.0',
    ],
    [
      'a value that nothing equals',
      { event: 'a', conditions: [{ field: 'x', op: '==', value: { a: 1 } }] },
      'until.conditions.0.value',
    ],
    ['NaN', { event: 'a', conditions: [{ field: 'x', op: '==', value: NaN }] }, 'until.conditions.0.value'],
    [
      'exists with a number',
      { event: 'a', conditions: [{ field: 'x', op: 'exists', value: 1 }] },
      'until.conditions.0.value',
    ],
    [
      'exists with a place in the state',
      { event: 'a', conditions: [{ field: 'x', op: 'exists', valueFrom: 'y' }] },
      'until.conditions.0.valueFrom',
    ],
    ['an assignment into a prototype', { event: 'a', assign: { x: '__proto__.y' } }, 'until.assign.x'],
    ['an assignment to no path', { event: 'a', assign: { x: 1 } }, 'until.assign.x'],
    ['assignments that are text', { event: 'a', assign: 'ab' }, 'until.assign'],
  ])('refuses %s', (_what, descriptor, path) => {
    expect(validateDescriptor(descriptor, 'until').map((issue) => issue.path)).toContain(path)
  })

  it.each<WatchDescriptor>([
    { event: 'a' },
    { events: ['a', 'b'], mode: 'all', conditions: [], assign: {} },
    { event: 'a', conditions: [{ field: 'x', op: 'exists', value: false }] },
    { event: 'a', conditions: [{ field: 'x.0.y', op: '==', value: null }], assign: { 'x.0': 'seen.first' } },
    { event: 'a', conditions: [{ field: 'x', op: '<=', valueFrom: 'limits.upper' }] },
  ])('accepts %j', (descriptor) => {
    expect(validateDescriptor(descriptor, 'until')).toEqual([])
  })
})
