import { type TelemetrySnapshot, WorkerManager } from 'busline/workers'
import { nodeHost } from 'busline/workers/node'
import { bundleScript } from './fixtures/bundle-script.js'

export interface FleetOptions {
  readonly hosts: number
  readonly runners: number
  readonly iterationsPerSecond: number
  readonly seconds: number
  /** Called once a second, with what was told so far. */
  readonly onSecond?: (second: number, told: number, heapMb: number) => void
}

export interface FleetResult {
  /** By the runners' own count, which comes over another way than telemetry. */
  readonly ran: number
  /** The sum of the last numbers of each runner. */
  readonly told: number
  /** The sum of the single samples of all batches, halved: two belong to an iteration. */
  readonly sampled: number
  readonly gaps: number
  /** How many runners were in each state after the pause. */
  readonly paused: number
  readonly pauseMs: number
  /** How much was told after the pause had settled, though it should have been told before. */
  readonly ranWhilePaused: number
  readonly stopped: number
  readonly archived: number
  /** Heap of this process in megabytes, after collection, once a second. */
  readonly heapMb: readonly number[]
  readonly seconds: number
}

/** Many runners on few threads, at a steady rate: what they did, what was told of it, and what it cost here. */
export async function runFleet(options: FleetOptions): Promise<FleetResult> {
  const { hosts, runners: count, iterationsPerSecond, seconds, onSecond } = options
  const script = await bundleScript('node-worker.ts')
  let ran = 0
  let samples = 0
  let gaps = 0
  const last = new Map<string, TelemetrySnapshot>()
  const manager = new WorkerManager({
    host: nodeHost(script.url),
    handlers: { tally: (own) => void (ran += own as number) },
    maxArchiveListLength: 100,
    messageTimeout: '60s',
  })
  manager.on('telemetry', (snapshot) => {
    last.set(snapshot.runnerId, snapshot)
    samples += snapshot.samples.length
  })
  manager.on('telemetryGap', ({ missing }) => (gaps += missing))
  const told = () => [...last.values()].reduce((sum, { iterationCount }) => sum + iterationCount, 0)
  try {
    const workers = await Promise.all(Array.from({ length: hosts }, () => manager.addWorker()))
    // An open model: a machine that is slow for a moment catches up, so that the rate is the rate.
    const rate = iterationsPerSecond / count
    const executionProfile = { executor: 'constantArrivalRate', rate, duration: '1h' } as const
    const options = { testType: 'tally', executionProfile }
    await Promise.all(Array.from({ length: count }, (_, index) => workers[index % hosts]!.addRunner(options)))
    const startedAt = performance.now()
    await manager.startWorkers()
    const heapMb: number[] = []
    for (let second = 1; second <= seconds; second++) {
      await new Promise((resolve) => setTimeout(resolve, startedAt + second * 1000 - performance.now()))
      ;(globalThis as { gc?: () => void }).gc?.()
      heapMb.push(process.memoryUsage().heapUsed / 2 ** 20)
      onSecond?.(second, told(), heapMb.at(-1)!)
    }
    const pausedAt = performance.now()
    const paused = await manager.pauseWorkers()
    const pauseMs = performance.now() - pausedAt
    const ranSeconds = (pausedAt - startedAt) / 1000
    await manager.getWorkersCore()
    const before = samples
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const late = (samples - before) / 2
    const stopped = await manager.stopWorkers()
    const archived = await manager.getArchiveList({})
    return {
      ran,
      told: told(),
      sampled: samples / 2,
      gaps,
      paused: paused.filter(({ state }) => state === 'paused').length,
      pauseMs,
      // What lay in the batches at the moment of the pause, fewer than 50 per worker, leaves within a second.
      ranWhilePaused: Math.max(0, late - hosts * 50),
      stopped: stopped.filter(({ state }) => state === 'stopped').length,
      archived: archived.length,
      heapMb,
      seconds: ranSeconds,
    }
  } finally {
    await manager.close()
    script.remove()
  }
}
