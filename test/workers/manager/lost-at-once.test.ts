import { describe, expect, it } from 'vitest'
import { WorkerManager } from 'busline/workers'
import { simulatedClock } from '../../../src/testing/index.js'
import { silent } from '../hosts/host-kit.js'
import { scriptedHosts } from './scripted-host.js'

const LOST = { code: 'UNAVAILABLE', context: { reason: 'WORKER_LOST' } }

function open() {
  const clock = simulatedClock()
  const host = scriptedHosts({ answer: ({ command }) => (command === 'addRunner' ? {} : undefined) })
  const restart = { policy: 'never' } as const
  return { host, manager: new WorkerManager({ host, clock, restart, logger: silent }) }
}

describe('addRunner() on a host that dies', () => {
  it('in the turn in which it was chosen says that the worker was lost', async () => {
    const { host, manager } = open()
    await manager.addWorker()
    const added = manager.addRunner({ testType: 'any' })
    host.opened[0]!.exit({ exitCode: 1 })
    await expect(added).rejects.toMatchObject(LOST)
    await manager.close()
  })

  it('in the turn in which it became ready says so, too', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const { host, manager } = open()
      const added = manager.addRunner({ testType: 'any' })
      added.catch(() => {})
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      host.opened[0]!.exit({ exitCode: 1 })
      const reason = await added.then(
        () => 'added',
        (error: { context: { reason?: string } }) => error.context.reason,
      )
      expect(['WORKER_START_FAILED', 'WORKER_LOST', 'added'], `after ${turns} turns`).toContain(reason)
      await manager.close()
    }
  })
})
