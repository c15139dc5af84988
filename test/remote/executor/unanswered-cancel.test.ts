import { describe, expect, it, onTestFinished } from 'vitest'
import { type WorkerServerOptions, remoteExecutor } from 'busline/remote'
import { simulatedClock } from 'busline/testing'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { registerRaw, until } from '../raw-client.js'
import { stepTask, taskControl } from '../step-task.js'

/** A worker of one slot that was written by somebody else, told to cancel what it has in hand. */
async function openCancelled(options: WorkerServerOptions = {}) {
  const clock = simulatedClock()
  const warnings: string[] = []
  const logger = { ...quietLogger(), warn: (message: string) => void warnings.push(message) }
  const server = await openServer({ clock, logger, ...options })
  const executor = remoteExecutor(server, { clock })
  onTestFinished(() => executor.close())
  const worker = await registerRaw(
    server,
    'w-1',
    { protocol: 2 },
    { tasks: ['work'], maxConcurrentRequests: 1 },
  )
  const controller = new AbortController()
  const given = executor.execute(stepTask('work'), taskControl({ signal: controller.signal }))
  const requestId = (await worker.next('task_request'))['requestId'] as string
  controller.abort(new Error('not wanted'))
  await expect(given).rejects.toThrow('not wanted')
  expect(await worker.next('task_cancel')).toMatchObject({ requestId })
  const activeRequests = () => server.getWorkerInfo()[0]?.activeRequests
  return { clock, warnings, server, executor, worker, requestId, activeRequests }
}

describe('a worker that does not answer a cancel', () => {
  it('keeps the slot for cancelGrace and no longer: the next request has it then', async () => {
    const { clock, warnings, executor, worker, requestId } = await openCancelled({ cancelGrace: '7s' })
    const next = executor.execute(stepTask('work'), taskControl())
    await clock.advance(6999)
    expect(executor.queued).toBe(1)
    expect(warnings).toEqual([])
    await clock.advance(1)
    expect(executor.queued).toBe(0)
    const request = await worker.next('task_request')
    worker.send({ type: 'task_result', requestId: request['requestId'], ok: true, value: 'next' })
    expect(await next).toBe('next')
    expect(warnings).toEqual([expect.stringMatching(`"w-1".*"${requestId}".*7000 ms`)])
  })

  it('keeps it for ten seconds when nothing else is said', async () => {
    const { clock, activeRequests } = await openCancelled()
    await clock.advance(9999)
    expect(activeRequests()).toBe(1)
    await clock.advance(1)
    expect(activeRequests()).toBe(0)
  })

  it('may answer later: that is counted, and changes nothing', async () => {
    const { clock, server, executor, worker, requestId, activeRequests } = await openCancelled()
    await clock.advance('10s')
    const next = executor.execute(stepTask('work'), taskControl())
    const request = await worker.next('task_request')
    worker.send({ type: 'task_result', requestId, ok: true, value: 'late' })
    await until(() => server.status().counters.strayMessages === 1, 'the late answer was counted')
    expect(activeRequests()).toBe(1)
    worker.send({ type: 'task_result', requestId: request['requestId'], ok: true, value: 'next' })
    expect(await next).toBe('next')
  })

  it('holds up a stop that drains for so long and no longer', async () => {
    const { clock, server } = await openCancelled()
    let isStopped = false
    const stopped = server.stop({ drain: true, timeout: Infinity }).then(() => (isStopped = true))
    await clock.advance(9999)
    expect(isStopped).toBe(false)
    await clock.advance(1)
    await stopped
  })

  it('keeps it for as long as it is there, where cancelGrace is Infinity', async () => {
    const { clock, worker, activeRequests } = await openCancelled({ cancelGrace: Infinity })
    await clock.advance('1m')
    expect(activeRequests()).toBe(1)
    await worker.close()
  })
})

describe('a worker that answers a cancel in time', () => {
  it('gives its slot back then, and the end of the grace changes nothing', async () => {
    const { clock, warnings, worker, requestId, activeRequests } = await openCancelled()
    worker.send({ type: 'task_result', requestId, ok: false, error: { name: 'Error', message: 'cancelled' } })
    await until(() => activeRequests() === 0, 'its slot is free')
    await clock.advance('10s')
    expect(warnings).toEqual([])
  })

  it('and one that is lost meanwhile is told of no more', async () => {
    const { clock, warnings, server, worker } = await openCancelled({ resumeWindow: 0 })
    await worker.close()
    await until(() => server.getWorkerCount() === 0, 'it is gone')
    await clock.advance('10s')
    expect(warnings).toEqual([])
  })

  it('and one that comes back without what was cancelled has its slot at once', async () => {
    const { clock, warnings, server, worker, activeRequests } = await openCancelled()
    await worker.close()
    await until(() => server.getWorkerInfo()[0]?.isReachable === false, 'the cut was seen')
    const resume = { sessionId: worker.ack['sessionId'], inFlight: [] }
    await registerRaw(server, 'w-1', { protocol: 2, resume }, { tasks: ['work'], maxConcurrentRequests: 1 })
    expect(activeRequests()).toBe(0)
    await clock.advance('10s')
    expect(warnings).toEqual([])
  })
})
