import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IdMap } from '../../src/remote/id-map.js'

describe('An IdMap', () => {
  it('does what a Map does, in the same order', () => {
    const id = fc.oneof(fc.integer({ min: 0, max: 40 }).map(String), fc.string({ maxLength: 3 }))
    const step = fc.oneof(
      fc.tuple(fc.constant('set' as const), id, fc.integer()),
      fc.tuple(fc.constantFrom('delete' as const, 'take' as const), id, fc.constant(0)),
      fc.tuple(fc.constantFrom('clear' as const, 'get' as const, 'shift' as const), id, fc.constant(0)),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const model = new Map<string, number>()
        const map = new IdMap<number>()
        for (const [what, id, value] of steps) {
          if (what === 'set') {
            model.set(id, value)
            map.set(id, value)
          } else if (what === 'delete') {
            expect(map.delete(id)).toBe(model.delete(id))
          } else if (what === 'take') {
            expect(map.take(id)).toBe(model.get(id))
            model.delete(id)
          } else if (what === 'shift') {
            const [first] = model.keys()
            if (first !== undefined) model.delete(first)
            map.shift()
          } else if (what === 'clear' && value % 7 === 0 && id.length > 1) {
            model.clear()
            map.clear()
          }
          expect([map.get(id), map.has(id), map.size]).toEqual([model.get(id), model.has(id), model.size])
        }
        expect(map.entries()).toEqual([...model])
        expect(map.ids()).toEqual([...model.keys()])
        expect(map.values()).toEqual([...model.values()])
      }),
    )
  })

  it('holds thousands at once', () => {
    const map = new IdMap<number>()
    for (let n = 0; n < 10_000; n++) map.set(`request.${n}`, n)
    for (let n = 0; n < 10_000; n += 2) map.delete(`request.${n}`)
    expect(map.size).toBe(5000)
    expect([map.get('request.1'), map.get('request.2'), map.get('request.9999')]).toEqual([
      1,
      undefined,
      9999,
    ])
  })
})
