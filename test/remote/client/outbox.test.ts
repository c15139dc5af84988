import { describe, expect, it } from 'vitest'
import { Outbox } from '../../../src/remote/client/outbox.js'

/** With the results a and b, a heartbeat after each. */
function outboxOfTwo(): Outbox {
  const outbox = new Outbox(() => undefined)
  outbox.connected(new Set())
  for (const [requestId, timestamp] of [
    ['a', 'first'],
    ['b', 'second'],
  ] as const) {
    outbox.result(requestId, [requestId])
    outbox.mark(timestamp)
  }
  return outbox
}

describe('A result is kept', () => {
  it('until the answer to a heartbeat after it; one that comes twice confirms nothing that was sent since', () => {
    const outbox = outboxOfTwo()
    outbox.confirm('first')
    outbox.confirm('first')
    expect(outbox.requestIds).toEqual(['b'])
    outbox.confirm('second')
    expect(outbox.isEmpty).toBe(true)
  })

  it('no longer when a later heartbeat is answered, and by no answer to one that was never sent', () => {
    const outbox = outboxOfTwo()
    outbox.confirm('of another')
    expect(outbox.requestIds).toEqual(['a', 'b'])
    outbox.confirm('second')
    expect(outbox.isEmpty).toBe(true)
    outbox.result('c', ['c'])
    outbox.confirm('first')
    expect(outbox.requestIds).toEqual(['c'])
  })
})
