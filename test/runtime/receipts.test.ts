import { describe, expect, it } from 'vitest'
import { type DispatchOutcome, ReceiptLog, createReceipt, isFinal } from '../../src/runtime/receipts.js'
import { ticket } from './modes/fake-host.js'

const receipt = (id: string, outcome: DispatchOutcome = 'started', workflowId = 'orders', key?: string) =>
  createReceipt(outcome, workflowId, ticket(id, { key }), 42)

describe('createReceipt()', () => {
  it('holds the facts, frozen, and leaves out what there is not', () => {
    const plain = receipt('a', 'rejected')
    expect(plain).toStrictEqual({
      outcome: 'rejected',
      workflowId: 'orders',
      triggerId: 'trigger',
      eventId: 'a',
      at: 42,
    })
    expect(Object.isFrozen(plain)).toBe(true)
    const details = { runId: 'r2', replacedRunId: 'r1', reason: 'because' }
    expect(createReceipt('replaced', 'orders', ticket('b', { key: 'k' }), 43, details)).toStrictEqual({
      outcome: 'replaced',
      workflowId: 'orders',
      triggerId: 'trigger',
      eventId: 'b',
      key: 'k',
      at: 43,
      ...details,
    })
  })

  it('counts everything but queued and delayed as final', () => {
    expect(isFinal('queued') || isFinal('delayed')).toBe(false)
    expect(isFinal('started') && isFinal('invalid') && isFinal('superseded')).toBe(true)
  })
})

describe('ReceiptLog', () => {
  it('answers with the last receipts in their order, and with counts of all', () => {
    const log = new ReceiptLog({ limit: 3 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) log.append(receipt(id))
    log.append(receipt('f', 'dropped'))
    const { receipts, counts } = log.dispatches()
    expect(receipts.map(({ eventId }) => eventId)).toEqual(['d', 'e', 'f'])
    expect(counts).toMatchObject({ started: 5, dropped: 1, queued: 0 })
    expect(log.dispatches({ limit: 1 }).receipts.map(({ eventId }) => eventId)).toEqual(['f'])
    expect(log.dispatches({ limit: 0 }).receipts).toEqual([])
    expect(log.dispatches({ limit: 0 }).counts.started).toBe(5)
  })

  it('tells workflows and keys apart', () => {
    const log = new ReceiptLog()
    log.append(receipt('a', 'started', 'orders', 'x'))
    log.append(receipt('b', 'queued', 'orders', 'y'))
    log.append(receipt('c', 'rejected', 'refunds', 'x'))
    const ids = (query: Parameters<ReceiptLog['dispatches']>[0]) =>
      log.dispatches(query).receipts.map(({ eventId }) => eventId)
    expect(ids({ workflowId: 'orders' })).toEqual(['a', 'b'])
    expect(ids({ key: 'x' })).toEqual(['a', 'c'])
    expect(ids({ workflowId: 'orders', key: 'x' })).toEqual(['a'])
    expect(ids({ workflowId: 'nobody' })).toEqual([])
    expect(log.dispatches({ workflowId: 'orders' }).counts).toMatchObject({
      started: 1,
      queued: 1,
      rejected: 0,
    })
    expect(log.dispatches({ key: 'x' }).counts).toMatchObject({ started: 1, queued: 0, rejected: 1 })
  })

  it('keeps the last 1000 unless told otherwise, none when told so', () => {
    const log = new ReceiptLog()
    const mute = new ReceiptLog({ limit: 0 })
    for (let index = 0; index < 2_500; index++) {
      log.append(receipt(`e${index}`))
      mute.append(receipt(`e${index}`))
    }
    expect(log.dispatches().receipts).toHaveLength(1_000)
    expect(log.dispatches().receipts[0]!.eventId).toBe('e1500')
    expect(mute.dispatches().receipts).toEqual([])
    expect(mute.dispatches().counts.started).toBe(2_500)
  })

  it('ends the counting for a workflow that is gone', () => {
    const log = new ReceiptLog()
    log.append(receipt('a'))
    log.forget('orders')
    expect(log.dispatches().counts.started).toBe(0)
    expect(log.dispatches().receipts).toHaveLength(1)
  })
})
