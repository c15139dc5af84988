import { describe, expect, it } from 'vitest'
import { ticket } from '../modes/fake-host.js'
import { setUp } from './set-up.js'

describe('throttle', () => {
  it('delays the excess until the rate allows it, in order', async () => {
    const { admission, clock, host } = setUp({ throttle: { limit: 2, per: 100 } })
    for (const id of ['a', 'b', 'c', 'd', 'e']) admission.admit(ticket(id))
    expect(host.trace).toEqual(['a started', 'b started', 'c delayed', 'd delayed', 'e delayed'])
    expect(admission.delayed).toBe(3)
    await clock.advance(99)
    expect(host.trace).toHaveLength(5)
    await clock.advance(1)
    expect(host.trace.slice(5)).toEqual(['c started', 'd started'])
    await clock.advance(100)
    expect(host.trace.slice(7)).toEqual(['e started'])
    expect(admission.delayed).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('lets nobody overtake those it holds back, except by priority', async () => {
    const { admission, clock, host } = setUp({ throttle: { limit: 1, per: 100 } })
    admission.admit(ticket('a'))
    admission.admit(ticket('b'))
    await clock.advance(60)
    admission.admit(ticket('c'))
    admission.admit(ticket('d', { priority: 1 }))
    await clock.advance(400)
    expect(host.runs.map(({ runId }) => runId)).toEqual(['run-a', 'run-d', 'run-b', 'run-c'])
  })

  it('counts each key by itself', () => {
    const { admission, host } = setUp({ throttle: { limit: 1, per: 100 } })
    admission.admit(ticket('a', { key: 'x' }))
    admission.admit(ticket('b', { key: 'y' }))
    admission.admit(ticket('c', { key: 'x' }))
    expect(host.trace).toEqual(['a started', 'b started', 'c delayed'])
  })

  it('drops what waits when it is closed, and leaves no timer', () => {
    const { admission, clock, host } = setUp({ throttle: { limit: 1, per: 100 } })
    for (const id of ['a', 'b', 'c']) admission.admit(ticket(id))
    admission.close('Runtime stopped')
    expect(host.trace.slice(3)).toEqual(['b dropped', 'c dropped'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('gives a waiting ticket out, with the timer when it was the last', async () => {
    const { admission, clock, host } = setUp({ throttle: { limit: 1, per: 100 } })
    for (const id of ['a', 'b', 'c']) admission.admit(ticket(id))
    expect(admission.withdraw('run-b')?.event.id).toBe('b')
    expect(clock.pendingTimers).toBe(1)
    expect(admission.withdraw('run-c')?.event.id).toBe('c')
    expect(clock.pendingTimers).toBe(0)
    await clock.advance(1000)
    expect(host.runs).toHaveLength(1)
  })
})
