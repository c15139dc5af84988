import * as crypto from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { safeCompare } from '../../../src/remote/server/safe-compare.js'

vi.mock('node:crypto', async (load) => {
  const real = await load<typeof crypto>()
  return { ...real, timingSafeEqual: vi.fn(real.timingSafeEqual) }
})

const compared = vi.mocked(crypto.timingSafeEqual)

/** Time says nothing when the work is the same: it is looked at what is compared, not how long it takes. */
describe('safeCompare', () => {
  afterEach(() => void compared.mockClear())

  it.each([
    ['secret', 'secret', true],
    ['secret', 'secreT', false],
    ['Secret', 'secret', false],
    ['', 'secret', false],
    ['s'.repeat(100_000), 'secret', false],
    [undefined, 'secret', false],
    [undefined, undefined, false],
    [['secret'], 'secret', false],
    [{ length: 6 }, 'secret', false],
    ['', '-', false],
  ])('compares two digests of one length, once, whatever is given (%#)', (given, expected, isSame) => {
    expect(safeCompare(given, expected)).toBe(isSame)
    expect(compared).toHaveBeenCalledTimes(1)
    const [[left, right]] = compared.mock.calls as unknown as [[Buffer, Buffer]]
    expect([left.byteLength, right.byteLength]).toEqual([32, 32])
  })
})
