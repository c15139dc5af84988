import { describe, expect, it, onTestFinished } from 'vitest'
import { WorkerManager, type WorkerManagerOptions, defineRunner, inProcessHost } from 'busline/workers'
import { silent } from '../hosts/host-kit.js'

const host = inProcessHost({ runners: { idle: defineRunner({ execute() {} }) } })

function open(options: Partial<WorkerManagerOptions> = {}): WorkerManager {
  const manager = new WorkerManager({ host, logger: silent, ...options })
  onTestFinished(() => manager.close())
  return manager
}

describe('a command', () => {
  it('to a runner or a worker that is named twice is carried out once', async () => {
    const manager = open()
    const worker = await manager.addWorker()
    const options = { testType: 'idle', executionProfile: { delayBetweenIterations: '1h' } } as const
    const runner = await worker.addRunner(options)
    const replies = await manager.startRunners(worker.id, [runner.id, 'nobody', runner.id])
    expect(replies.map(({ runnerId, ok, state }) => [runnerId, ok, state])).toEqual([
      [runner.id, true, 'running'],
      ['nobody', false, undefined],
      [runner.id, true, 'running'],
    ])
    expect(await manager.pauseWorkers([worker.id, worker.id])).toMatchObject([{ ok: true }])
  })
})

describe('a manager that was closed', () => {
  it('says so when it is given a runner', async () => {
    const manager = open()
    await manager.close()
    await expect(manager.addRunner({ testType: 'idle' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describe('an option of a manager that is of another type', () => {
  it.each([
    ['heartbeat', null],
    ['restart', 5],
    ['telemetry', null],
    ['placement', 5],
    ['publisher', 'console'],
    ['handlers.ask', { ask: 5 }],
  ])('is refused by its name: %s', (path, value) => {
    const [name] = path.split('.')
    expect(() => open({ [name!]: value })).toThrow(
      expect.objectContaining({
        code: 'VALIDATION',
        message: expect.stringContaining(`"${path}"`) as string,
      }) as Error,
    )
  })
})
