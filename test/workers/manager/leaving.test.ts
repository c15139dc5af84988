import { describe, expect, it } from 'vitest'
import { WorkerManager, type WorkerManagerOptions } from 'busline/workers'
import { simulatedClock } from '../../../src/testing/index.js'
import { silent } from '../hosts/host-kit.js'
import { scriptedHosts } from './scripted-host.js'

/** Its workers take runners, and never answer anything else. */
function open(options: Partial<WorkerManagerOptions> = {}, isReady = true) {
  const clock = simulatedClock()
  const host = scriptedHosts({
    isReady,
    answer: ({ command }) => (command === 'addRunner' ? {} : undefined),
  })
  return { clock, host, manager: new WorkerManager({ host, clock, logger: silent, ...options }) }
}

describe('a manager that is closed', () => {
  it('opens no host from that moment on, though its runners take their time to terminate', async () => {
    const { clock, host, manager } = open()
    const worker = await manager.addWorker()
    await worker.addRunner({ testType: 'any' })
    const closed = manager.close()
    await expect(manager.addWorker()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(manager.addRunner({ testType: 'any' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await clock.advance('1m')
    await closed
    expect(host.opened).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('replaces none that was lost before, either', async () => {
    const { clock, host, manager } = open({ restart: { policy: 'onFailure', delay: '1s' } })
    const [worker] = await Promise.all([manager.addWorker(), manager.addWorker()])
    await worker.addRunner({ testType: 'any' })
    host.opened[1]!.exit({ exitCode: 1 })
    const closed = manager.close()
    await clock.advance('1m')
    await closed
    expect(host.opened).toHaveLength(2)
  })
})

describe('a worker that is terminated while it starts', () => {
  it('takes no runner when it is ready before it is gone', async () => {
    const { clock, host, manager } = open({ maxWorkers: 2 }, false)
    const workers = [manager.addWorker(), manager.addWorker()]
    for (const each of workers) each.catch(() => {})
    host.opened[0]!.tell('ready', { runners: ['any'], tasks: [] })
    await (await workers[0]!).addRunner({ testType: 'any' })
    const terminated = manager.terminateWorkers()
    host.opened[1]!.tell('ready', { runners: ['any'], tasks: [] })
    await clock.settle()
    await expect(manager.addRunner({ testType: 'any' })).rejects.toMatchObject({ code: 'CAPACITY' })
    await clock.advance('1m')
    await terminated
    await manager.close()
  })
})
