import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { type BusFault, broadcastChannelBridge, createEventBus } from 'busline'
import { type BridgeNetwork, bridgeConformance } from 'busline/testing'

let networks = 0

function openNetwork(): BridgeNetwork {
  const name = `bridge-test-${process.pid}-${++networks}`
  const raw = new BroadcastChannel(name)
  return {
    createBridge: () => broadcastChannelBridge({ name }),
    inject: (message) => raw.postMessage(message),
    close: () => raw.close(),
  }
}

describe('broadcastChannelBridge()', () => {
  for (const { title, run } of bridgeConformance({ openNetwork })) it(title, run)

  it('reports a payload that cannot be copied to where it was published', async () => {
    const faults: BusFault[] = []
    const bus = createEventBus({ onError: (fault) => faults.push(fault) })
    const connection = await broadcastChannelBridge({ name: 'uncopyable' }).connect(bus)
    const event = bus.publish('a', { callback: () => {} })
    expect(faults).toMatchObject([{ during: 'bridge', event, error: { name: 'DataCloneError' } }])
    await connection.close()
  })

  it('carries what structured clone knows, frozen on arrival', async () => {
    const [one, two] = [createEventBus(), createEventBus()]
    const bridge = broadcastChannelBridge({ name: 'clones' })
    const connections = [await bridge.connect(one), await bridge.connect(two)]
    const arrival = two.waitFor('a', { timeout: '20s' })
    const payload = { at: new Date(5), map: new Map([[1, 2]]), bytes: new Uint8Array([1, 2]), big: 5n }
    one.publish('a', payload)
    const event = await arrival
    expect(event.payload).toEqual(payload)
    expect(event.payload).not.toBe(payload)
    expect(Object.isFrozen(event.payload)).toBe(true)
    for (const connection of connections) await connection.close()
  })

  it('forgets old ids, so that its memory is bounded', async () => {
    const bus = createEventBus()
    const connection = await broadcastChannelBridge({ name: 'forgetful', seenLimit: 2 }).connect(bus)
    const raw = new BroadcastChannel('forgetful')
    const sent: unknown[] = []
    raw.onmessage = ({ data }: MessageEvent<{ event: { payload: unknown } }>) => sent.push(data.event.payload)
    const event = bus.publish('a', 0)
    bus.dispatch(event)
    for (let n = 1; n <= 4; n++) bus.publish('a', n)
    bus.dispatch(event)
    const marker = new Promise((resolve) =>
      raw.addEventListener('message', () => sent.length === 6 && resolve(0)),
    )
    await marker
    expect(sent).toEqual([0, 1, 2, 3, 4, 0])
    raw.close()
    await connection.close()
  })

  it('works between threads', async () => {
    const name = 'threads'
    const bus = createEventBus()
    const connection = await broadcastChannelBridge({ name }).connect(bus)
    const pong = bus.waitFor('pong', { timeout: '20s' })
    // A thread without the library: what travels is a documented form that others may speak.
    const worker = new Worker(
      `const channel = new BroadcastChannel(${JSON.stringify(name)})
       channel.onmessage = ({ data: { busline, event } }) => {
         if (event.type !== 'ping') return
         channel.postMessage({ busline, event: { ...event, id: 'pong-1', type: 'pong', causationId: event.id } })
       }
       require('node:worker_threads').parentPort.postMessage('ready')`,
      { eval: true },
    )
    await new Promise((resolve) => worker.once('message', resolve))
    const ping = bus.publish('ping', { n: 1 })
    expect(await pong).toMatchObject({ id: 'pong-1', payload: { n: 1 }, causationId: ping.id })
    await worker.terminate()
    await connection.close()
  })

  it('does not keep a Node process alive', async () => {
    const program = `
      import { broadcastChannelBridge, createEventBus } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
      const bus = createEventBus()
      await broadcastChannelBridge({ name: 'exit' }).connect(bus)
      bus.publish('a', 1)
      console.log('done')`
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program],
      { timeout: 100_000 },
    )
    expect(stdout).toBe('done\n')
  })

  it.each([
    [{ name: '' }, '"name" must be a non-empty string'],
    [{ name: 'a', seenLimit: 0 }, '"seenLimit" must be a whole number from 1: it is 0'],
    [{ name: 'a', seenLimit: NaN }, '"seenLimit" must be a whole number from 1: it is NaN'],
  ])('refuses the options %j', (options, message) => {
    expect(() => broadcastChannelBridge(options)).toThrow(message)
  })

  it('refuses a closed bus with UNAVAILABLE and leaves no channel open', async () => {
    const bus = createEventBus()
    bus.close()
    await expect(broadcastChannelBridge({ name: 'a' }).connect(bus)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
  })
})
