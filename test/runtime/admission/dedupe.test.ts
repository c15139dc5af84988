import { describe, expect, it } from 'vitest'
import { RECENT_IDS } from '../../../src/runtime/admission/recent-ids.js'
import { ticket } from '../modes/fake-host.js'
import { setUp } from './set-up.js'

const withPayload = (id: string, payload: unknown, key?: string) => ({
  ...ticket(id, { key }),
  event: { id, type: 'order:placed', payload, timestamp: 0 },
})

describe('duplicates by event id', () => {
  it('are told so, however long ago the first one was', async () => {
    const { admission, clock, host } = setUp()
    admission.admit(ticket('a'))
    await clock.advance('30d')
    admission.admit(ticket('a'))
    expect(host.trace).toEqual(['a started', 'a duplicate'])
    expect(host.receipt('a', 'duplicate').details.reason).toBe('Event id seen before')
  })

  it('are looked for per trigger, because one event may match several', () => {
    const { admission, host } = setUp()
    admission.admit(ticket('a', { triggerId: 'one' }))
    admission.admit(ticket('a', { triggerId: 'two' }))
    admission.admit(ticket('a', { triggerId: 'two' }))
    expect(host.trace).toEqual(['a started', 'a started', 'a duplicate'])
  })

  it(`are found among the last ${RECENT_IDS} events; what is remembered is bounded`, () => {
    const { admission, host } = setUp()
    for (let index = 0; index < 10_000; index++) admission.admit(ticket(`e${index}`))
    admission.admit(ticket(`e${10_000 - RECENT_IDS}`))
    admission.admit(ticket(`e${10_000 - 2 * RECENT_IDS - 1}`))
    expect(host.trace.slice(-2)).toEqual([
      `e${10_000 - RECENT_IDS} duplicate`,
      `e${9_999 - 2 * RECENT_IDS} queued`,
    ])
  })
})

describe('dedupe', () => {
  it('takes events for the same by its key, until ttl after the first', async () => {
    const { admission, clock, host } = setUp({
      dedupe: { key: (event) => (event.payload as { order: string }).order, ttl: '10s' },
    })
    admission.admit(withPayload('a', { order: '1' }))
    await clock.advance('6s')
    admission.admit(withPayload('b', { order: '1' }))
    admission.admit(withPayload('c', { order: '2' }))
    await clock.advance('3999ms')
    admission.admit(withPayload('d', { order: '1' }))
    await clock.advance('1ms')
    admission.admit(withPayload('e', { order: '1' }))
    admission.admit(withPayload('f', { order: '2' }))
    expect(host.trace).toEqual([
      'a started',
      'b duplicate',
      'c started',
      'd duplicate',
      'e started',
      'f duplicate',
    ])
    expect(host.receipt('b', 'duplicate').details.reason).toBe('Seen within 10s')
  })

  it('without a key remembers ids for ttl instead', async () => {
    const { admission, clock, host } = setUp({ dedupe: { ttl: 1000 } })
    admission.admit(ticket('a'))
    admission.admit(ticket('a'))
    await clock.advance(1000)
    admission.admit(ticket('a'))
    expect(host.trace).toEqual(['a started', 'a duplicate', 'a started'])
  })

  it('counts each key of the registration by itself', () => {
    const { admission, host } = setUp({ dedupe: { key: () => 'same', ttl: '1m' } })
    admission.admit(ticket('a', { key: 'x' }))
    admission.admit(ticket('b', { key: 'y' }))
    admission.admit(ticket('c', { key: 'x' }))
    expect(host.trace).toEqual(['a started', 'b started', 'c duplicate'])
  })

  it('calls an event invalid on which its key function fails', () => {
    const { admission, host } = setUp({
      dedupe: { key: (event) => (event.payload as { order: { id: string } }).order.id, ttl: '1m' },
    })
    admission.admit(ticket('a'))
    expect(host.trace).toEqual(['a invalid'])
    expect(host.receipt('a', 'invalid').details.reason).toMatch(/^dedupe\.key failed: TypeError/)
  })

  it('lets go of everything in time when the clock is put back', async () => {
    const { admission, clock, host } = setUp({ dedupe: { ttl: '10s' } })
    admission.admit(ticket('a'))
    clock.jump(clock.now() - 3_600_000)
    admission.admit(ticket('a'))
    expect(host.trace).toEqual(['a started', 'a started'])
  })
})
