import { describe, expect, it } from 'vitest'
import { TransientMode } from '../../../src/runtime/modes/transient-mode.js'
import { FakeHost, settle, ticket } from './fake-host.js'

function setUp(options: { concurrency?: number; capacity?: number } = {}) {
  const host = new FakeHost()
  return { host, mode: new TransientMode({ type: 'transient', ...options }, host) }
}

describe('TransientMode', () => {
  it('runs ten at once and queues without bound unless told otherwise', () => {
    const { host, mode } = setUp()
    for (let index = 0; index < 5_000; index++) mode.admit(ticket(`e${index}`))
    expect(mode.active).toHaveLength(10)
    expect(mode.queued).toBe(4_990)
    expect(host.trace.filter((line) => line.endsWith('dropped'))).toEqual([])
  })

  it('drops what comes when as many wait as there is capacity, saying so', () => {
    const { host, mode } = setUp({ concurrency: 1, capacity: 1 })
    for (const id of ['a', 'b', 'c']) mode.admit(ticket(id))
    expect(host.trace).toEqual(['a started', 'b queued', 'c dropped'])
    expect(host.receipt('c', 'dropped').details.reason).toBe('Capacity of 1 reached')
  })

  it('starts higher priorities first, and equal ones in the order of their arrival', async () => {
    const { host, mode } = setUp({ concurrency: 1 })
    mode.admit(ticket('active'))
    for (const [id, priority] of [
      ['low', -1],
      ['a', 0],
      ['high', 5],
      ['b', 0],
      ['nan', NaN],
    ] as const) {
      mode.admit(ticket(id, { priority }))
    }
    for (const id of ['active', 'high', 'a', 'b', 'nan', 'low']) {
      host.run(id).settle()
      await settle()
    }
    expect(host.runs.map(({ runId }) => runId.slice(4))).toEqual(['active', 'high', 'a', 'b', 'nan', 'low'])
  })

  it('lets a resumed run take a slot ahead of events that wait', async () => {
    const { host, mode } = setUp({ concurrency: 1 })
    mode.admit(ticket('a'))
    host.run('a').pause()
    await settle()
    mode.admit(ticket('b'))
    mode.admit(ticket('c', { priority: 100 }))
    mode.resume(host.run('a'), () => host.run('a').goOn())
    expect(host.run('a').status).toBe('paused')
    host.run('b').settle()
    await settle()
    expect(host.run('a').status).toBe('running')
    expect(host.trace).not.toContain('c started')
    host.run('a').settle()
    await settle()
    expect(host.trace).toContain('c started')
  })

  it('lets resumed runs go on in the order in which they were resumed', async () => {
    const { host, mode } = setUp({ concurrency: 3 })
    for (const id of ['a', 'b', 'c']) mode.admit(ticket(id))
    for (const id of ['a', 'b', 'c']) host.run(id).pause()
    await settle()
    for (const id of ['x', 'y', 'z']) mode.admit(ticket(id))
    const wentOn: string[] = []
    for (const id of ['c', 'a', 'b']) mode.resume(host.run(id), () => wentOn.push(id))
    for (const id of ['x', 'y', 'z']) host.run(id).settle()
    await settle()
    expect(wentOn).toEqual(['c', 'a', 'b'])
  })

  it('forgets a resume that is withdrawn, so that an aborted run is not told to go on', async () => {
    const { host, mode } = setUp({ concurrency: 1 })
    mode.admit(ticket('a'))
    host.run('a').pause()
    await settle()
    mode.admit(ticket('b'))
    let wentOn = false
    mode.resume(host.run('a'), () => (wentOn = true))
    expect(mode.withdraw('run-a')).toBeUndefined()
    host.run('b').settle()
    await settle()
    expect(wentOn).toBe(false)
    expect(mode.active).toEqual([])
  })

  it('gets its slot back from a run that had ended before it could go on', async () => {
    const { host, mode } = setUp({ concurrency: 1 })
    mode.admit(ticket('a'))
    host.run('a').pause()
    await settle()
    mode.admit(ticket('b'))
    mode.resume(host.run('a'), () => host.run('a').goOn())
    host.run('a').settle()
    host.run('b').settle()
    await settle()
    expect(mode.active).toEqual([])
    mode.admit(ticket('c'))
    expect(host.trace).toContain('c started')
  })

  it('takes 100 000 events through ten slots in time that grows in proportion', async () => {
    const time = async (count: number) => {
      const { host, mode } = setUp()
      const begin = performance.now()
      for (let index = 0; index < count; index++) mode.admit(ticket(String(index), { priority: index % 3 }))
      for (let done = 0; done < count;) {
        while (done < host.runs.length) host.runs[done++]!.settle()
        await Promise.resolve()
        await Promise.resolve()
      }
      expect(host.runs).toHaveLength(count)
      expect(mode.active.length).toBeLessThanOrEqual(10)
      return performance.now() - begin
    }
    await time(10_000)
    const small = await time(10_000)
    // Ten times as many; a quadratic queue would take a hundred times as long.
    expect(await time(100_000)).toBeLessThan(40 * Math.max(small, 10))
  })
})
