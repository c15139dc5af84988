import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromWireJson, toWireJson } from '../../src/inspector/wire-json.js'

describe('toWireJson() and fromWireJson()', () => {
  it('give back what they were given, dates and what is no number included', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.double({ noNaN: false }).map((n) => n + 0),
      fc.boolean(),
      fc.constant(null),
      fc.date({ noInvalidDate: false }),
      fc.constant(undefined),
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(fc.oneof(fc.string(), fc.constant('$busline')), tie('tree'), {
          maxKeys: 4,
          noNullPrototype: true,
        }),
      ),
    }))
    fc.assert(
      fc.property(tree, (value) => {
        expect(fromWireJson(toWireJson(value))).toEqual(value)
      }),
    )
  })

  it('describe what is only looked at', () => {
    const value = { bytes: new Uint8Array(3), big: 5n, map: new Map([[1, 2]]) }
    expect(fromWireJson(toWireJson(value))).toEqual({
      bytes: '[Uint8Array of 3 bytes]',
      big: '5n',
      map: '[Map]',
    })
  })

  it('let no key become a prototype', () => {
    const value = fromWireJson('{"__proto__":{"isAdmin":true}}') as { isAdmin?: boolean }
    expect(value.isAdmin).toBeUndefined()
    expect(Object.keys(value)).toEqual(['__proto__'])
  })
})
