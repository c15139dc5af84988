import { describe, expect, it, onTestFinished } from 'vitest'
import { RemoteWorker, type RemoteWorkerOptions } from 'busline/remote/client'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { until, urlOf } from '../raw-client.js'

const cyclic: Record<string, unknown> = {}
cyclic['self'] = cyclic

const deep = (levels: number) => {
  let value: Record<string, unknown> = {}
  for (let level = 0; level < levels; level++) value = { value }
  return value
}

const model = {
  modelId: 'm',
  displayName: 'M',
  maxContextTokens: 1,
  maxOutputTokens: 1,
  supportsStreaming: true,
}

describe('an option of a worker with which it could never register', () => {
  it.each<[string, string, unknown]>([
    ['url', 'url', 'ws://'],
    ['url', 'url', 'ws://host:99999'],
    ['url', 'url', 'ws://host/#there'],
    ['workerId', 'workerId', ''],
    ['workerId', 'workerId', 'x'.repeat(257)],
    ['workerName', 'workerName', 'x'.repeat(1025)],
    ['weight', 'capabilities.weight', 0],
    ['weight', 'capabilities.weight', NaN],
    ['zone', 'capabilities.zone', ''],
    ['metadata', 'capabilities.metadata.self', cyclic],
    ['metadata', 'capabilities.metadata.size', { size: 1n }],
    ['metadata', 'capabilities.metadata.__proto__', JSON.parse('{"__proto__":1}')],
    ['metadata', 'capabilities.metadata.value', deep(300)],
    ['metadata', 'capabilities', { text: 'x'.repeat(300_000) }],
    ['concurrencyLimits', 'capabilities.concurrencyLimits.heavy', { heavy: NaN }],
    ['models', 'capabilities.models.0.displayName', [{ modelId: 'm' }]],
    ['models', 'capabilities.models.0.maxContextTokens', [{ ...model, maxContextTokens: Infinity }]],
    ['tasks', 'capabilities.tasks.0', { ['x'.repeat(257)]: () => 1 }],
    ['tasks', 'tasks.resize', { resize: 5 }],
    ['reconnect', 'reconnect.minDelayMs', { minDelayMs: NaN }],
    ['reconnect', 'reconnect.maxDelayMs', { maxDelayMs: -1 }],
  ])('is refused at once, with its path: %s', (name, path, value) => {
    const options = { url: 'ws://127.0.0.1:1', logger: quietLogger(), [name]: value } as RemoteWorkerOptions
    let error: unknown
    try {
      new RemoteWorker(options)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'VALIDATION' })
    expect((error as { context: { path: string } }).context.path).toContain(path)
  })
})

describe('handlers of a worker', () => {
  it('may reject: that is logged, and ends nothing', async () => {
    const server = await openServer()
    const logger = quietLogger()
    const worker = new RemoteWorker({ url: urlOf(server), workerId: 'w-1', logger })
    onTestFinished(() => worker.stop())
    worker.onState(() => Promise.reject(new Error('no state')) as never)
    worker.onMessage('news', () => Promise.reject(new Error('no news')) as never)
    await worker.start()
    server.send('w-1', { type: 'news' })
    await until(() => logger.lines.some((line) => line.includes('"news"')), 'the rejection was logged')
    expect(logger.lines.join('\n')).toContain('onState')
  })

  it('are not sent what is no JSON: the sender is told', async () => {
    const server = await openServer()
    const worker = new RemoteWorker({ url: urlOf(server), logger: quietLogger() })
    onTestFinished(() => worker.stop())
    await worker.start()
    expect(() => worker.send({ type: 'news', cyclic })).toThrow(
      expect.objectContaining({ code: 'VALIDATION' }) as Error,
    )
  })
})
