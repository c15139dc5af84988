import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { stayAwake } from '../../../src/workers/node/stay-awake.js'

describe('stayAwake()', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setImmediate', 'performance'] }))
  afterEach(() => void vi.useRealTimers())

  /** How many turns of the event loop it asks for until it would let the thread sleep. */
  function turnsLeft(): number {
    let turns = 0
    for (; vi.getTimerCount() > 0; turns++) vi.advanceTimersToNextTimer()
    return turns
  }

  it('hands every message on at once, in their order', () => {
    const got: number[] = []
    const listener = stayAwake((message: number) => got.push(message))
    for (const message of [1, 2, 3]) listener(message)
    expect(got).toEqual([1, 2, 3])
  })

  it('lets the thread sleep after a message that comes alone', () => {
    const listener = stayAwake(() => {})
    for (let message = 0; message < 3; message++) {
      listener(message)
      expect(vi.getTimerCount()).toBe(0)
      vi.advanceTimersByTime(1)
    }
  })

  it('looks for the next message of a stream for some turns of the event loop, and then no longer', () => {
    const listener = stayAwake(() => {})
    listener(1)
    listener(2)
    expect(turnsLeft()).toBe(16)
  })

  it('begins to count anew with each message, and asks for one turn at a time', () => {
    const listener = stayAwake(() => {})
    listener(1)
    listener(2)
    vi.advanceTimersToNextTimer()
    listener(3)
    expect(vi.getTimerCount()).toBe(1)
    expect(turnsLeft()).toBe(16)
  })
})
