import { describe, expect, it } from 'vitest'
import { fromBase64, toBase64 } from '../../src/core/base64.js'

describe('Base64', () => {
  it('says what Node says, of every length and every byte', () => {
    for (const length of [0, 1, 2, 3, 4, 255, 8191, 8192, 8193, 20_000]) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) % 256)
      const text = toBase64(bytes)
      expect(text).toBe(Buffer.from(bytes).toString('base64'))
      expect(fromBase64(text)).toEqual(bytes)
    }
  })

  it('takes nothing else for it', () => {
    for (const text of ['A', 'AAA', 'AA=A', ' AAA', 'AAA\n', 'A-_A', '====', 'ÄÄÄÄ']) {
      expect(fromBase64(text), text).toBeUndefined()
    }
  })
})
