import { describe, expect, it, onTestFinished } from 'vitest'
import { drainOnSignal, remoteExecutor } from 'busline/remote'
import { RemoteWorker } from 'busline/remote/client'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { urlOf } from '../raw-client.js'
import { stepTask, taskControl } from '../step-task.js'

/** One that ends nothing here: the signal is handed to its listeners, as Node does. */
const SIGNAL = 'SIGUSR2'

function makeWorker(url: string, tasks: Record<string, () => unknown> = {}): RemoteWorker {
  const worker = new RemoteWorker({ url, logger: quietLogger(), tasks })
  onTestFinished(() => worker.stop())
  return worker
}

describe('drainOnSignal()', () => {
  it('lets a worker finish what it has, and leave', async () => {
    const server = await openServer()
    const executor = remoteExecutor(server)
    onTestFinished(() => executor.close())
    let finish = () => {}
    const begun = new Promise<void>((begin) => {
      const task = async () => {
        begin()
        await new Promise<void>((resolve) => (finish = resolve))
        return 'done'
      }
      const worker = makeWorker(urlOf(server), { work: task })
      drainOnSignal(worker, { signals: [SIGNAL] })
      void worker.start()
    })
    const result = executor.execute(stepTask('work', 1), taskControl())
    await begun
    process.emit(SIGNAL)
    expect(server.getWorkerCount()).toBe(1)
    finish()
    expect(await result).toBe('done')
    await expect.poll(() => server.getWorkerCount()).toBe(0)
  })

  it('ends a worker that has not got in yet: start() rejects, closed resolves', async () => {
    const worker = makeWorker('ws://127.0.0.1:1')
    drainOnSignal(worker, { signals: [SIGNAL] })
    const started = expect(worker.start()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    process.emit(SIGNAL)
    await started
    await worker.closed
    expect(worker.state).toBe('stopped')
  })

  it('listens once: a second signal does what it does by itself', async () => {
    const before = process.listenerCount(SIGNAL)
    let stopped = 0
    const onStopped = new Promise<void>((resolve) => {
      drainOnSignal(
        { stop: () => Promise.resolve(void stopped++) },
        { signals: [SIGNAL], onStopped: resolve },
      )
    })
    expect(process.listenerCount(SIGNAL)).toBe(before + 1)
    process.emit(SIGNAL)
    expect(process.listenerCount(SIGNAL)).toBe(before)
    await onStopped
    expect(stopped).toBe(1)
  })

  it('refuses a timeout that is none when it is set up, not when the signal comes', () => {
    const before = process.listenerCount(SIGNAL)
    const options = { signals: [SIGNAL], timeout: 'soon' as never } as const
    expect(() => drainOnSignal({ stop: () => Promise.resolve() }, options)).toThrow(
      expect.objectContaining({ code: 'VALIDATION' }) as Error,
    )
    expect(process.listenerCount(SIGNAL)).toBe(before)
  })

  it('can be taken back', () => {
    const before = process.listenerCount(SIGNAL)
    const release = drainOnSignal({ stop: () => Promise.resolve() }, { signals: [SIGNAL, 'SIGTERM'] })
    release()
    expect(process.listenerCount(SIGNAL)).toBe(before)
  })
})
