import { describe, expect, it } from 'vitest'
import { MAX_BATCH_LENGTH, MessageBatch, splitFrame } from '../../../src/remote/protocol/message-batch.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('A batch of messages', () => {
  it('leaves as one frame when the turn is over, one message a line', async () => {
    const frames: string[] = []
    const batch = new MessageBatch((frame) => frames.push(frame))
    batch.add('{"a":1}')
    batch.add('{"b":2}')
    expect(frames).toEqual([])
    await turn()
    batch.add('{"c":3}')
    await turn()
    expect(frames).toEqual(['{"a":1}\n{"b":2}', '{"c":3}'])
  })

  it('leaves sooner when it has thirty-two, and when it is told to', () => {
    const frames: string[] = []
    const batch = new MessageBatch((frame) => frames.push(frame))
    for (let n = 0; n < 36; n++) batch.add(`{"n":${n}}`)
    expect(frames.map((frame) => splitFrame(frame)?.length)).toEqual([32])
    batch.flush()
    batch.flush()
    expect(frames.map((frame) => splitFrame(frame)?.length)).toEqual([32, 4])
    expect(frames.join('\n').split('\n')).toEqual(Array.from({ length: 36 }, (_, n) => `{"n":${n}}`))
  })

  it('makes no frame that the peer would not take, unless one message alone is longer', () => {
    const frames: string[] = []
    const batch = new MessageBatch((frame) => frames.push(frame), 300)
    for (const length of [60, 60, 500, 60]) batch.add('x'.repeat(length))
    batch.flush()
    expect(frames.map((frame) => frame.length)).toEqual([60, 60, 500, 60])
    const wide: string[] = []
    const large = new MessageBatch((frame) => wide.push(frame))
    for (let n = 0; n < 5; n++) large.add('x'.repeat(10_000))
    large.flush()
    expect(wide.length).toBe(2)
    expect(Math.max(...wide.map((frame) => frame.length))).toBeLessThanOrEqual(MAX_BATCH_LENGTH)
  })

  it('says once a frame what messages after one another have in common', async () => {
    const frames: string[] = []
    const batch = new MessageBatch((frame) => frames.push(frame))
    batch.add('{"n":1}', '"step":"a"')
    batch.add('{"n":2}', '"step":"a"')
    batch.add('{"heartbeat":true}')
    batch.add('{"n":3}', '"step":"a"')
    batch.add('{"n":4}', '"step":"b"')
    batch.add('{"n":5}', '"step":"a"')
    await turn()
    batch.add('{"n":6}', '"step":"a"')
    batch.flush()
    expect(frames.map((frame) => frame.split('\n'))).toEqual([
      [
        '{"n":1,"step":"a"}',
        '{"n":2}',
        '{"heartbeat":true}',
        '{"n":3}',
        '{"n":4,"step":"b"}',
        '{"n":5,"step":"a"}',
      ],
      ['{"n":6,"step":"a"}'],
    ])
  })

  it('is not read when it has more than a thousand lines', () => {
    expect(splitFrame('\n'.repeat(1023))?.length).toBe(1024)
    expect(splitFrame('\n'.repeat(1024))).toBeUndefined()
  })
})
