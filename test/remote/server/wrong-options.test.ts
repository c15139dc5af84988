import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WorkerServer, type WorkerServerOptions } from 'busline/remote'
import { RemoteWorker } from 'busline/remote/client'
import { faultsOf } from '../../core/faults-of.js'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { registerRaw, urlOf } from '../raw-client.js'

const refused = (options: unknown) => faultsOf(() => new WorkerServer(options as WorkerServerOptions))

describe('an option of a server that would do something else than it says', () => {
  it.each([
    ['heartbeatTimeoutMs', Infinity],
    ['heartbeatTimeoutMs', 1e18],
    ['heartbeatTimeoutMs', NaN],
    ['heartbeatIntervalMs', '15'],
    ['registrationTimeoutMs', -1],
    ['maxWorkers', '5'],
    ['maxMessageBytes', 0.5],
    ['maxRegistrationsPerMinute', 0.5],
    ['cancelGrace', 'soon'],
    ['cancelGrace', -1],
    ['resumeWindow', '5'],
    ['path', 'workers'],
    ['path', 5],
    ['allowedOrigins', 'https://app.example'],
    ['allowedOrigins', [5]],
    ['duplicateIds', 'reject'],
    ['tokens', {}],
    ['tokens', [null]],
    ['tokens', [{ token: '' }]],
    ['tokens', [{ token: 'a', workerIds: 'gpu' }]],
    ['host', 5],
  ])('is refused by its name: %s %j', (name, value) => {
    expect(refused({ [name]: value }).map((path) => path.split('.')[0])).toContain(name)
  })

  it('has no part in a sentence that shows a token', () => {
    expect(() => new WorkerServer({ tokens: [{ token: 5 as never, workerIds: ['secret'] }] })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') as string }) as Error,
    )
  })

  it('and numbers that are odd, but meant, are taken', async () => {
    const server = await openServer({
      registrationTimeoutMs: 1500.5,
      maxMessageBytes: Infinity,
      maxMessagesPerSecond: Infinity,
      maxWorkers: Infinity,
    })
    const worker = new RemoteWorker({ url: urlOf(server), logger: quietLogger() })
    onTestFinished(() => worker.stop())
    await worker.start()
    expect(server.getWorkerCount()).toBe(1)
    const raw = await registerRaw(server, 'w-1', { protocol: 2 })
    expect(raw.ack['maxMessageBytes']).toBeGreaterThan(1024 * 1024)
  })
})

describe('a server of the application that others can reach', () => {
  it('is not served on without a token, unless that is allowed', async () => {
    const http = createServer().listen(0, '0.0.0.0')
    await once(http, 'listening')
    onTestFinished(() => void http.close())
    const open = new WorkerServer({ server: http, logger: quietLogger() })
    await expect(open.start()).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(open.state).toBe('stopped')

    open.setTokens([{ token: 'now-it-has-one' }])
    await open.start()
    expect(() => open.setTokens([])).toThrow(expect.objectContaining({ code: 'VALIDATION' }) as Error)
    await open.stop()

    const allowed = new WorkerServer({ server: http, allowUnauthenticated: true, logger: quietLogger() })
    await allowed.start()
    await allowed.stop()
  })
})
