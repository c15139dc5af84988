import { describe, expect, it } from 'vitest'
import { ExclusiveMode } from '../../../src/runtime/modes/exclusive-mode.js'
import { FakeHost, settle, ticket } from './fake-host.js'

describe('ExclusiveMode', () => {
  it('rejects while a run is active, naming it, unless told otherwise', () => {
    const host = new FakeHost()
    const mode = new ExclusiveMode({ type: 'exclusive' }, host)
    for (const id of ['a', 'b']) mode.admit(ticket(id))
    expect(host.trace).toEqual(['a started', 'b rejected'])
    expect(host.receipt('b', 'rejected').details.reason).toBe('Run run-a is active')
  })

  it('keeps the newest event waiting and tells the one it supersedes', async () => {
    const host = new FakeHost()
    const mode = new ExclusiveMode({ type: 'exclusive', onBusy: 'queue_single' }, host)
    mode.admit(ticket('a'))
    mode.admit(ticket('b', { priority: 9 }))
    mode.admit(ticket('c'))
    expect(mode.queued).toBe(1)
    host.run('a').settle()
    await settle()
    expect(host.trace).toEqual(['a started', 'b queued', 'c queued', 'b superseded', 'c started'])
    expect(host.run('a').abortReasons).toEqual([])
  })
})
