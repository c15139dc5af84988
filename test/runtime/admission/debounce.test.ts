import { describe, expect, it } from 'vitest'
import { ticket } from '../modes/fake-host.js'
import { setUp } from './set-up.js'

describe('debounce', () => {
  it('lets the newest event of a burst through when it is over, the earlier ones being superseded', async () => {
    const { admission, clock, host } = setUp({ debounce: { wait: 100 } })
    for (const id of ['a', 'b', 'c']) {
      admission.admit(ticket(id))
      await clock.advance(99)
    }
    expect(admission.delayed).toBe(1)
    expect(host.runs).toEqual([])
    await clock.advance(1)
    expect(host.trace).toEqual([
      'a delayed',
      'b delayed',
      'a superseded',
      'c delayed',
      'b superseded',
      'c started',
    ])
    expect(host.receipt('a', 'superseded').details.reason).toBe('Superseded by event b')
    expect(admission.delayed).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('holds a burst up no longer than maxWait', async () => {
    const { admission, clock, host } = setUp({ debounce: { wait: 100, maxWait: 250 } })
    for (let index = 0; index < 10; index++) {
      admission.admit(ticket(`e${index}`))
      await clock.advance(50)
    }
    const started = host.trace.filter((line) => line.endsWith('started'))
    expect(started).toEqual(['e4 started', 'e9 started'])
  })

  it('waits per key', async () => {
    const { admission, clock, host } = setUp({ debounce: { wait: 100 } })
    admission.admit(ticket('a', { key: 'x' }))
    admission.admit(ticket('b', { key: 'y' }))
    await clock.advance(100)
    expect(host.trace).toEqual(['a delayed', 'b delayed', 'a started', 'b started'])
  })

  it('drops what waits when it is closed, and leaves no timer', () => {
    const { admission, clock, host } = setUp({ debounce: { wait: 100 } })
    admission.admit(ticket('a', { key: 'x' }))
    admission.admit(ticket('b', { key: 'y' }))
    admission.close('Runtime stopped')
    admission.admit(ticket('c'))
    expect(host.trace).toEqual(['a delayed', 'b delayed', 'a dropped', 'b dropped', 'c dropped'])
    expect(host.receipt('a', 'dropped').details.reason).toBe('Runtime stopped')
    expect(clock.pendingTimers).toBe(0)
  })

  it('gives a waiting ticket out, with its timer', () => {
    const { admission, clock } = setUp({ debounce: { wait: 100 } })
    admission.admit(ticket('a'))
    expect(admission.withdraw('run-b')).toBeUndefined()
    expect(admission.withdraw('run-a')?.event.id).toBe('a')
    expect(admission.delayed).toBe(0)
    expect(clock.pendingTimers).toBe(0)
  })
})
