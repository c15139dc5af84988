import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RateWindow } from '../../../src/runtime/admission/rate-window.js'
import { ticket } from '../modes/fake-host.js'
import { setUp } from './set-up.js'

describe('rateLimit', () => {
  it('drops the excess, saying so, until the window has moved on', async () => {
    const { admission, clock, host } = setUp({ rateLimit: { limit: 2, per: '1s' } })
    for (const id of ['a', 'b', 'c']) admission.admit(ticket(id))
    await clock.advance(999)
    admission.admit(ticket('d'))
    await clock.advance(1)
    for (const id of ['e', 'f', 'g']) admission.admit(ticket(id))
    expect(host.trace).toEqual([
      'a started',
      'b started',
      'c dropped',
      'd dropped',
      'e started',
      'f started',
      'g dropped',
    ])
    expect(host.receipt('c', 'dropped').details.reason).toBe('Rate of 2 per 1s exceeded')
  })

  it('counts each key by itself', () => {
    const { admission, host } = setUp({ rateLimit: { limit: 1, per: '1s' } })
    admission.admit(ticket('a', { key: 'x' }))
    admission.admit(ticket('b', { key: 'y' }))
    admission.admit(ticket('c', { key: 'x' }))
    expect(host.trace).toEqual(['a started', 'b started', 'c dropped'])
  })

  it('does not count duplicates, which are found before', () => {
    const { admission, host } = setUp({ rateLimit: { limit: 2, per: '1s' } })
    for (const id of ['a', 'a', 'a', 'b']) admission.admit(ticket(id))
    expect(host.trace).toEqual(['a started', 'a duplicate', 'a duplicate', 'b started'])
  })
})

describe('RateWindow', () => {
  it('never lets more than its limit pass in any span, and refuses nobody without need', () => {
    const waits = fc.array(fc.nat(40), { maxLength: 300, size: 'max' })
    fc.assert(
      fc.property(waits, fc.integer({ min: 1, max: 5 }), (steps, limit) => {
        const window = new RateWindow({ limit, per: 100 })
        const passed: number[] = []
        let now = 0
        for (const wait of steps) {
          now += wait
          const inSpan = passed.filter((at) => now - at < 100)
          expect(window.waitMs(now)).toBe(inSpan.length < limit ? 0 : inSpan.at(-limit)! + 100 - now)
          expect(window.take(now)).toBe(inSpan.length < limit)
          if (inSpan.length < limit) passed.push(now)
        }
      }),
    )
  })

  it('starts anew when the clock was put back, instead of waiting for it', () => {
    const window = new RateWindow({ limit: 1, per: 100 })
    expect(window.take(1_000_000)).toBe(true)
    expect(window.take(5)).toBe(true)
    expect(window.take(6)).toBe(false)
    expect(window.take(105)).toBe(true)
  })
})
