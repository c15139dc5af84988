import { describe, expect, it } from 'vitest'
import { KeyedMode } from '../../../src/runtime/modes/keyed-mode.js'
import { SerializedMode } from '../../../src/runtime/modes/serialized-mode.js'
import { TransientMode } from '../../../src/runtime/modes/transient-mode.js'
import { FakeHost, settle, ticket } from './fake-host.js'

function setUp() {
  const host = new FakeHost()
  const made = { count: 0 }
  const mode = new KeyedMode((onIdle) => {
    made.count++
    return new SerializedMode({ type: 'serialized' }, host, onIdle)
  })
  return { host, mode, made }
}

describe('KeyedMode', () => {
  it('applies the mode to each key by itself, events without a key being one more', () => {
    const { host, mode } = setUp()
    for (const [id, key] of [
      ['a1', 'a'],
      ['b1', 'b'],
      ['a2', 'a'],
      ['n1', undefined],
      ['n2', undefined],
    ] as const) {
      mode.admit(ticket(id, { key }))
    }
    expect(host.trace).toEqual(['a1 started', 'b1 started', 'a2 queued', 'n1 started', 'n2 queued'])
    expect(mode.occupancy()).toEqual([
      { key: 'a', active: ['run-a1'], queued: 1 },
      { key: 'b', active: ['run-b1'], queued: 0 },
      { active: ['run-n1'], queued: 1 },
    ])
    expect(mode.active).toEqual(['run-a1', 'run-b1', 'run-n1'])
    expect(mode.queued).toBe(2)
  })

  it('drops the mode of a key when that is idle, and makes it again when it is needed', async () => {
    const { host, mode, made } = setUp()
    mode.admit(ticket('a1', { key: 'a' }))
    mode.admit(ticket('a2', { key: 'a' }))
    host.run('a1').settle()
    await settle()
    mode.admit(ticket('a3', { key: 'a' }))
    expect(made.count).toBe(1)
    for (const id of ['a2', 'a3']) {
      host.run(id).settle()
      await settle()
    }
    expect(mode.occupancy()).toEqual([])
    mode.admit(ticket('a4', { key: 'a' }))
    expect(made.count).toBe(2)
    expect(host.trace.at(-1)).toBe('a4 started')
  })

  it('withdraws a ticket with or without being told its key', () => {
    const { mode } = setUp()
    for (const id of ['a1', 'a2', 'a3']) mode.admit(ticket(id, { key: 'a' }))
    mode.admit(ticket('b1', { key: 'b' }))
    expect(mode.withdraw('run-a2', 'b')).toBeUndefined()
    expect(mode.withdraw('run-a2', 'a')?.event.id).toBe('a2')
    expect(mode.withdraw('run-a3')?.event.id).toBe('a3')
    expect(mode.withdraw('run-a3')).toBeUndefined()
  })

  it('lets a paused run go on whose key had become idle', async () => {
    const host = new FakeHost()
    const mode = new KeyedMode(
      (onIdle) => new TransientMode({ type: 'transient', concurrency: 1 }, host, onIdle),
    )
    mode.admit(ticket('a1', { key: 'a' }))
    host.run('a1').pause()
    await settle()
    expect(mode.occupancy()).toEqual([])
    mode.resume(host.run('a1'), () => host.run('a1').goOn())
    expect(mode.occupancy()).toEqual([{ key: 'a', active: ['run-a1'], queued: 0 }])
    mode.admit(ticket('a2', { key: 'a' }))
    expect(host.trace.at(-1)).toBe('a2 queued')
  })

  it('drops events of new keys, too, once it is closed, and keeps nothing of them', () => {
    const { host, mode, made } = setUp()
    mode.close('Workflow deregistered')
    mode.admit(ticket('a1', { key: 'a' }))
    mode.admit(ticket('a2', { key: 'a' }))
    expect(host.trace).toEqual(['a1 dropped', 'a2 dropped'])
    // Made again each time, so nothing was kept in between.
    expect(made.count).toBe(2)
  })
})
