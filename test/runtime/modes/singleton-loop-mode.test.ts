import { describe, expect, it } from 'vitest'
import {
  SingletonLoopMode,
  type SingletonLoopModeOptions,
} from '../../../src/runtime/modes/singleton-loop-mode.js'
import { FakeHost, FakeRun, settle, ticket } from './fake-host.js'

function setUp(onBusy?: SingletonLoopModeOptions['onBusy']) {
  const host = new FakeHost()
  return { host, mode: new SingletonLoopMode({ type: 'singleton_loop', ...(onBusy && { onBusy }) }, host) }
}

describe('SingletonLoopMode that drops', () => {
  it('is what it does unless told otherwise, naming the active run', () => {
    const { host, mode } = setUp()
    for (const id of ['a', 'b']) mode.admit(ticket(id))
    expect(host.trace).toEqual(['a started', 'b dropped'])
    expect(host.receipt('b', 'dropped').details.reason).toBe('Run run-a is active')
  })

  it('drops while the active run is paused', async () => {
    const { host, mode } = setUp('drop')
    mode.admit(ticket('a'))
    host.run('a').pause()
    await settle()
    mode.admit(ticket('b'))
    expect(host.trace).toEqual(['a started', 'b dropped'])
  })
})

describe('SingletonLoopMode that signals', () => {
  it('writes events into the active run, in their order, whatever their priority', () => {
    const { host, mode } = setUp('signal')
    mode.admit(ticket('a'))
    mode.admit(ticket('b'))
    mode.admit(ticket('c', { priority: 9 }))
    expect(host.run('a').signals).toEqual(['b', 'c'])
    expect(host.receipt('b', 'signalled').details.runId).toBe('run-a')
    expect(mode.queued).toBe(0)
  })

  it('starts a run with the first event that came too late for a signal, and signals the others to it', async () => {
    const { host, mode } = setUp('signal')
    mode.admit(ticket('a'))
    host.run('a').end()
    for (const id of ['b', 'c', 'd']) mode.admit(ticket(id))
    expect(host.trace).toEqual(['a started'])
    expect(mode.queued).toBe(3)
    host.run('a').settle()
    await settle()
    expect(host.trace).toEqual(['a started', 'b started', 'c signalled', 'd signalled'])
    expect(host.run('b').signals).toEqual(['c', 'd'])
    expect(host.receipt('c', 'signalled').details.runId).toBe('run-b')
  })

  it('signals an event to a run that was only being started when it came', () => {
    const { host, mode } = setUp('signal')
    host.onReceipt = ({ eventId }) => {
      if (eventId === 'a') mode.admit(ticket('b'))
    }
    mode.admit(ticket('a'))
    expect(host.trace).toEqual(['a started', 'b signalled'])
    expect(host.run('a').signals).toEqual(['b'])
  })

  it('drops events that came too late for a signal when it is closed', () => {
    const { host, mode } = setUp('signal')
    mode.admit(ticket('a'))
    host.run('a').end()
    mode.admit(ticket('b'))
    mode.close('Runtime stopped')
    expect(host.trace).toEqual(['a started', 'b dropped'])
  })
})

describe('SingletonLoopMode that replaces', () => {
  it('aborts the active run and starts the newest event when that has settled', async () => {
    const { host, mode } = setUp('replace')
    for (const id of ['a', 'b', 'c']) mode.admit(ticket(id))
    expect(host.trace).toEqual(['a started', 'b queued', 'c queued', 'b superseded'])
    expect(host.run('a').abortReasons[0]).toBe('Replaced by event b')
    expect(host.receipt('b', 'superseded').details.reason).toBe('Superseded by event c')
    host.run('a').end()
    await settle()
    expect(host.runs).toHaveLength(1)
    host.run('a').settle()
    await settle()
    expect(host.trace.at(-1)).toBe('c replaced')
    expect(host.receipt('c', 'replaced').details).toEqual({ runId: 'run-c', replacedRunId: 'run-a' })
  })

  it('starts the event as started when the active run ended by itself at that instant', async () => {
    const { host, mode } = setUp('replace')
    mode.admit(ticket('a'))
    host.run('a').settle()
    mode.admit(ticket('b'))
    await settle()
    expect(host.trace).toEqual(['a started', 'b queued', 'b started'])
    expect(host.run('a').abortReasons).toEqual([])
  })

  it('replaces a paused run', async () => {
    const { host, mode } = setUp('replace')
    mode.admit(ticket('a'))
    host.run('a').pause()
    await settle()
    mode.admit(ticket('b'))
    host.run('a').settle()
    await settle()
    expect(host.trace).toEqual(['a started', 'b queued', 'b replaced'])
  })

  it('aborts a run that was only being started when the next event came', async () => {
    const { host, mode } = setUp('replace')
    host.onReceipt = ({ eventId }) => {
      if (eventId === 'a') mode.admit(ticket('b'))
    }
    mode.admit(ticket('a'))
    expect(host.run('a').abortReasons).toEqual(['Replaced by event b'])
    host.run('a').settle()
    await settle()
    expect(host.trace.at(-1)).toBe('b replaced')
  })

  it('waits for every active run when a recovery left two', async () => {
    const { host, mode } = setUp('replace')
    const recovered = [
      new FakeRun({ runId: 'one', key: undefined }),
      new FakeRun({ runId: 'two', key: undefined }),
    ]
    for (const run of recovered) mode.adopt(run)
    mode.admit(ticket('a'))
    expect(recovered.every((run) => run.isAborted)).toBe(true)
    recovered[0]!.settle()
    await settle()
    expect(host.trace).toEqual(['a queued'])
    recovered[1]!.settle()
    await settle()
    expect(host.trace).toEqual(['a queued', 'a replaced'])
  })
})
