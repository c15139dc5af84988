import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Waiting, WaitingLine } from '../../../src/runtime/modes/waiting-line.js'

describe('WaitingLine', () => {
  it('hands out by priority, then by arrival, whatever is added and removed in between', () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('add' as const), priority: fc.integer({ min: -2, max: 2 }) }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('next' as const) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), pick: fc.nat(500) }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
        const line = new WaitingLine<Waiting>()
        let reference: Waiting[] = []
        const take = (item: Waiting | undefined) => (reference = reference.filter((each) => each !== item))
        let count = 0
        for (const each of steps) {
          if (each.do === 'add') {
            const item = { runId: `r${count++}`, priority: each.priority }
            reference.push(item)
            reference.sort((one, other) => other.priority - one.priority)
            line.add(item)
          } else if (each.do === 'next') {
            const [first] = reference
            expect(line.peek()).toBe(first)
            expect(line.next()).toBe(first)
            take(first)
          } else {
            const item = reference[each.pick % Math.max(1, reference.length)]
            expect(line.remove(item?.runId ?? 'nobody')).toBe(item)
            take(item)
          }
          expect(line.size).toBe(reference.length)
        }
        expect(line.clear()).toEqual(reference)
        expect(line.size).toBe(0)
        expect(line.next()).toBeUndefined()
      }),
    )
  })
})
