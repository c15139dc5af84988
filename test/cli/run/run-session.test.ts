import { describe, expect, it } from 'vitest'
import { type WorkflowDefinition, WorkflowRuntime, createEventBus, defineWorkflow, pause } from 'busline'
import { CLAIM_TTL_MS, runSession } from '../../../src/cli/run/run-session.js'
import { toWorkflowModule } from '../../../src/cli/run/load-workflows.js'
import { memoryStorage } from '../../../src/storage/memory-storage.js'
import type { StorageDriver } from '../../../src/storage/storage-driver.js'
import { type SimulatedClock, faultInjecting, simulatedClock } from '../../../src/testing/index.js'

const silent = () => {}
const logger = { debug: silent, info: silent, warn: silent, error: silent }

/** Runs that sleep until somebody goes on with them. */
const order = (): WorkflowDefinition =>
  defineWorkflow({
    id: 'order',
    triggers: { placed: { event: 'order:placed' } },
    pipelines: {
      main: { id: 'main', stages: [{ id: 'wait', router: () => pause({ timeout: '1m' }) }, { id: 'end' }] },
    },
  })

/** Another process with so many runs. */
async function otherProcess(clock: SimulatedClock, storage: StorageDriver, runs: number) {
  const bus = createEventBus({ clock })
  const runtime = new WorkflowRuntime({ bus, clock, logger, storage, claimTtl: CLAIM_TTL_MS })
  await runtime.register(order())
  for (let index = 0; index < runs; index++) await runtime.submit('order:placed', {})
  await clock.settle()
  return runtime
}

/** A session without events; `until` moves the clock. */
function startSession(clock: SimulatedClock, storage: StorageDriver, signal = new AbortController().signal) {
  const notes: string[] = []
  let isOver = false
  const result = runSession({
    workflows: toWorkflowModule(order(), 'order.ts'),
    events: (async function* () {})(),
    storage,
    waitMs: 0,
    logger,
    clock,
    signal,
    onProgress: () => {},
    onNote: (note) => notes.push(note),
  }).finally(() => (isOver = true))
  const until = async (isReached: () => boolean) => {
    for (let turn = 0; turn < 10_000 && !isReached(); turn++) await clock.advance(10)
    expect(isReached()).toBe(true)
  }
  return { result, notes, until, isOver: () => isOver }
}

const durable = () => faultInjecting(memoryStorage(), { isDurable: true })

describe('runSession() on a store of runs', () => {
  it('waits for the runs of a process that has just died, says so once, and takes them over', async () => {
    const clock = simulatedClock()
    const storage = durable()
    await otherProcess(clock, storage, 2)
    // It dies: its claims are not renewed any more.
    const own = simulatedClock(clock.now())
    const session = startSession(own, storage)
    await session.until(() => session.notes.length > 0)
    expect(session.notes).toEqual(['Waiting for 2 runs of a process that was alive a moment ago …'])
    expect(session.isOver()).toBe(false)
    await session.until(session.isOver)
    const { runs } = await session.result
    expect(runs.map(({ status }) => status)).toEqual(['paused', 'paused'])
    expect(session.notes).toHaveLength(1)
    expect(own.now() - clock.now()).toBeGreaterThanOrEqual(CLAIM_TTL_MS)
    expect(own.now() - clock.now()).toBeLessThan(2 * CLAIM_TTL_MS)
    expect(own.pendingTimers).toBe(0)
  })

  it('leaves the runs of a process that is alive to it', async () => {
    const clock = simulatedClock()
    const storage = durable()
    const other = await otherProcess(clock, storage, 1)
    const before = clock.now()
    const session = startSession(clock, storage)
    await session.until(session.isOver)
    expect((await session.result).runs).toEqual([])
    expect(session.notes).toEqual([
      'Waiting for 1 run of a process that was alive a moment ago …',
      '1 run of this store belongs to another process that is alive: it goes on with it',
    ])
    expect(clock.now() - before).toBeGreaterThanOrEqual(2 * CLAIM_TTL_MS)
    expect(other.listAllRuns()).toMatchObject([{ status: 'paused' }])
    await other.stop()
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not wait any longer when it is interrupted', async () => {
    const clock = simulatedClock()
    const storage = durable()
    const other = await otherProcess(clock, storage, 1)
    const interruption = new AbortController()
    const session = startSession(clock, storage, interruption.signal)
    await session.until(() => session.notes.length > 0)
    const before = clock.now()
    interruption.abort()
    await session.until(session.isOver)
    expect(clock.now() - before).toBeLessThan(CLAIM_TTL_MS)
    expect(session.notes).toHaveLength(1)
    await other.stop()
  })
})
