import { simulatedClock } from 'busline/testing'
import { WorkerManager, defineRunner, inProcessHost } from 'busline/workers'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/core/clock.js'
import type { TelemetryBatch, WireMessage, WorkerSettings } from '../../../src/workers/messages/protocol.js'
import { preciseClock } from '../../../src/workers/worker/precise-clock.js'
import { RunnerMeter } from '../../../src/workers/worker/runner-meter.js'
import { TelemetryBuffer } from '../../../src/workers/worker/telemetry-buffer.js'
import { WorkerLink } from '../../../src/workers/worker/worker-link.js'
import type { WorkerPort } from '../../../src/workers/worker/worker-port.js'
import { SnapshotSample } from '../../../src/workers/telemetry/snapshot-sample.js'
import { silent } from '../hosts/host-kit.js'
import { scriptedHosts } from '../manager/scripted-host.js'

function setUp() {
  const clock = simulatedClock()
  const batches: TelemetryBatch[] = []
  const buffer = new TelemetryBuffer({
    clock,
    maxItems: 50,
    maxDelayMs: 1000,
    send: (batch) => batches.push(batch),
  })
  const meter = new RunnerMeter({ runnerId: 'r', workerId: 'w' })
  const post = (count: number) => {
    for (let each = 0; each < count; each++) {
      meter.count(1, 2, clock.now())
      buffer.post(meter)
    }
  }
  return { clock, batches, buffer, meter, post, items: () => batches.map(({ items }) => items) }
}

describe('TelemetryBuffer', () => {
  it('keeps 49 items for a second, and sends the fiftieth at once', async () => {
    const { clock, post, items } = setUp()
    post(49)
    await clock.advance(999)
    expect(items()).toEqual([])
    post(1)
    expect(items()).toEqual([50])
    await clock.advance('5s')
    expect(items()).toEqual([50])
  })

  it('sends a single item after a second, counted from that item', async () => {
    const { clock, post, items } = setUp()
    await clock.advance(700)
    post(1)
    await clock.advance(999)
    expect(items()).toEqual([])
    await clock.advance(1)
    expect(items()).toEqual([1])
    expect(clock.pendingTimers).toBe(0)
  })

  it('sends 120 items of one tick as 50, 50 and, later, 20', async () => {
    const { clock, post, items, batches } = setUp()
    post(120)
    expect(items()).toEqual([50, 50])
    await clock.advance('1s')
    expect(items()).toEqual([50, 50, 20])
    expect(batches.map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect(batches.map(({ snapshots }) => snapshots[0]!.iterationCount)).toEqual([50, 100, 120])
    expect(batches.flatMap(({ snapshots }) => snapshots[0]!.samples)).toHaveLength(240)
  })

  it('counts the second of the items after a full batch from the first of them', async () => {
    const { clock, post, items } = setUp()
    post(1)
    await clock.advance(600)
    post(49)
    await clock.advance(100)
    post(2)
    await clock.advance(999)
    expect(items()).toEqual([50])
    await clock.advance(1)
    expect(items()).toEqual([50, 2])
    await clock.advance('1m')
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('WorkerLink', () => {
  const settings = { workerId: 'w', logLevel: 'info' } as WorkerSettings
  const batch = (seq: number): TelemetryBatch => ({ seq, items: 50, snapshots: [] })
  function link(clock: Clock) {
    const sent: (readonly [command: string, payload: unknown])[] = []
    const port: WorkerPort = {
      post: (posted) => {
        const { command, payload } = posted as WireMessage
        sent.push([command, payload])
      },
      onMessage() {},
      close() {},
    }
    return { link: new WorkerLink(port, settings, clock), sent }
  }

  const log = { runnerId: 'r', level: 'info', message: 'between' } as const

  it('sends the batches of one turn together, and before whatever else is sent in it', async () => {
    const { link: line, sent } = link(preciseClock)
    for (const seq of [1, 2]) line.sendTelemetry(batch(seq))
    expect(sent).toEqual([])
    await new Promise((resolve) => setImmediate(resolve))
    line.sendTelemetry(batch(3))
    line.send('log', log)
    expect(sent).toEqual([
      ['telemetry', [batch(1), batch(2)]],
      ['telemetry', [batch(3)]],
      ['log', log],
    ])
  })

  it('sends batches that come within 20 ms of the last message of telemetry together, when these are over', async () => {
    const clock = simulatedClock()
    const { link: line, sent } = link(clock)
    line.sendTelemetry(batch(1))
    expect(sent.splice(0)).toEqual([['telemetry', [batch(1)]]])
    for (const seq of [2, 3]) line.sendTelemetry(batch(seq))
    await clock.advance(19)
    expect(sent).toEqual([])
    await clock.advance(1)
    expect(sent.splice(0)).toEqual([['telemetry', [batch(2), batch(3)]]])
    line.sendTelemetry(batch(4))
    line.send('log', log)
    expect(sent.splice(0)).toEqual([
      ['telemetry', [batch(4)]],
      ['log', log],
    ])
    expect(clock.pendingTimers).toBe(0)
    await clock.advance(20)
    line.sendTelemetry(batch(5))
    expect(sent).toEqual([['telemetry', [batch(5)]]])
  })
})

describe('RunnerMeter', () => {
  it('lets no counter go down, whatever is written into it, but by a reset', () => {
    const { meter, clock } = setUp()
    meter.telemetry.requestCount = 7
    expect(meter.takeSnapshot(clock.now()).requestCount).toBe(7)
    for (const value of [3, NaN, -1, Infinity]) {
      meter.telemetry.requestCount = value
      expect(meter.takeSnapshot(clock.now()).requestCount).toBe(7)
    }
    meter.reset(clock.now())
    expect(meter.takeSnapshot(clock.now())).toMatchObject({ requestCount: 0, iterationCount: 0, resets: 1 })
  })

  it('tells the rate of the last second and the rate without paused time', async () => {
    const { meter, clock } = setUp()
    meter.run(clock.now())
    for (let each = 0; each < 40; each++) {
      await clock.advance(100)
      meter.count(1, 1, clock.now())
    }
    meter.rest(clock.now())
    await clock.advance('1m')
    expect(meter.takeSnapshot(clock.now())).toMatchObject({
      velocity: 0,
      overallVelocity: 10,
      duration: 4000,
    })
    meter.run(clock.now())
    for (let each = 0; each < 20; each++) {
      await clock.advance(50)
      meter.count(1, 1, clock.now())
    }
    expect(meter.takeSnapshot(clock.now()).velocity).toBeCloseTo(20, -1)
  })

  it('keeps the newest 200 lines, and hands them out once', () => {
    const { meter, clock } = setUp()
    for (let line = 0; line < 300; line++) meter.telemetry.say(`${line}`)
    const { message } = meter.takeSnapshot(clock.now())
    expect([message.length, message[0], message.at(-1)]).toEqual([200, '100', '299'])
    expect(meter.takeSnapshot(clock.now()).message).toEqual([])
  })
})

describe('SnapshotSample', () => {
  it('keeps at most 100 of any number, evenly, and the last', () => {
    const { meter } = setUp()
    const sample = new SnapshotSample()
    for (let at = 1; at <= 12_345; at++) sample.add(meter.takeSnapshot(at))
    const kept = sample.list().map(({ at }) => at)
    expect(kept.length).toBeLessThanOrEqual(101)
    expect(kept.length).toBeGreaterThan(50)
    expect(kept.at(-1)).toBe(12_345)
    const gaps = new Set(kept.slice(1, -1).map((at, index) => at - kept[index]!))
    expect(gaps.size).toBe(1)
  })
})

describe('a manager', () => {
  it('drops repeated batches, and tells that some are missing', async () => {
    const clock = simulatedClock()
    const host = scriptedHosts({ answer: () => ({}) })
    const manager = new WorkerManager({ host, clock, logger: silent })
    const worker = await manager.addWorker()
    const runner = await worker.addRunner({ testType: 'any' })
    const seen: number[] = []
    const gaps: number[] = []
    runner.on('telemetry', ({ iterationCount }) => seen.push(iterationCount))
    manager.on('telemetryGap', ({ missing }) => gaps.push(missing))
    const { meter } = setUp()
    const snapshot = (iterationCount: number) => ({
      ...meter.takeSnapshot(1),
      runnerId: runner.id,
      iterationCount,
    })
    for (const [seq, count] of [
      [1, 1],
      [2, 2],
      [2, 2],
      [1, 1],
      [5, 9],
    ] as const) {
      host.opened[0]!.tell('telemetry', [{ seq, items: 1, snapshots: [snapshot(count)] }])
    }
    await clock.settle()
    expect(seen).toEqual([1, 2, 9])
    expect(gaps).toEqual([2])
  })

  it('hands every snapshot to the publisher, and survives one that throws', async () => {
    const clock = simulatedClock()
    const published: number[] = []
    const manager = new WorkerManager({
      host: inProcessHost({ clock, runners: { any: defineRunner({ execute() {} }) } }),
      clock,
      logger: silent,
      publisher({ iterationCount }) {
        published.push(iterationCount)
        throw new Error('no room')
      },
    })
    const runner = await manager.addRunner({ testType: 'any', executionProfile: { iterations: 120 } })
    await runner.start()
    await runner.ended()
    expect(published).toEqual([50, 100, 120])
    expect(runner.state).toBe('completed')
    await manager.close()
  })
})
