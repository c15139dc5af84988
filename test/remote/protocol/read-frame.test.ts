import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readFrame } from '../../../src/remote/protocol/read-frame.js'

const faultOf = (text: string) => {
  const frame = readFrame(text)
  return frame.ok ? undefined : frame.fault.code
}

describe('readFrame()', () => {
  it.each([
    ['', 'NOT_JSON'],
    ['{', 'NOT_JSON'],
    ['nonsense', 'NOT_JSON'],
    ['null', 'NO_TYPE'],
    ['7', 'NO_TYPE'],
    ['"text"', 'NO_TYPE'],
    ['[]', 'NO_TYPE'],
    ['{}', 'NO_TYPE'],
    ['{"type":7}', 'NO_TYPE'],
    ['{"type":null}', 'NO_TYPE'],
  ])('refuses %j with %s', (text, code) => {
    expect(faultOf(text)).toBe(code)
  })

  it('refuses what is nested 100 000 deep before it builds it', () => {
    expect(faultOf(`{"type":"a","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toBe('TOO_DEEP')
    expect(faultOf('['.repeat(1_000_000))).toBe('TOO_DEEP')
    expect(faultOf(`{"type":"a","x":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`)).toBe('TOO_DEEP')
  })

  it('takes brackets in strings for what they are, escaped quotes included', () => {
    const text = '[[[{{{"\\'.repeat(300)
    expect(readFrame(JSON.stringify({ type: 'a', text }))).toEqual({ ok: true, message: { type: 'a', text } })
  })

  it('refuses the key __proto__ wherever and however it is written, and pollutes nothing', () => {
    for (const text of [
      '{"type":"a","__proto__":{"polluted":true}}',
      '{"type":"a","x":[{"y":{"__proto__":{"polluted":true}}}]}',
      '{"type":"a","x":{"\\u005f_proto__":{"polluted":true}}}',
      '{"type":"a","x":{"__pro\\u0074o__":1}}',
    ]) {
      expect(faultOf(text)).toBe('INVALID_MESSAGE')
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    expect(readFrame('{"type":"a","text":"__proto__"}').ok).toBe(true)
  })

  it('never throws, and gives back what was written', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => readFrame(text)).not.toThrow()
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify({ type: 'a', value })
        if (!text.includes('"__proto__":')) {
          expect(readFrame(text)).toEqual({ ok: true, message: JSON.parse(text) as unknown })
        }
      }),
    )
  })
})
