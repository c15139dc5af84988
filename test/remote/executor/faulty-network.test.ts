import { describe, expect, it, onTestFinished } from 'vitest'
import { remoteExecutor } from 'busline/remote'
import { RemoteWorker } from 'busline/remote/client'
import { openFrameProxy, seeded } from '../frame-proxy.js'
import { openServer } from '../open-server.js'
import { quietLogger } from '../quiet-logger.js'
import { until, urlOf } from '../raw-client.js'
import { stepTask, taskControl } from '../step-task.js'

const REQUESTS = 10_000

describe('ten thousand requests over a network that delays, repeats, cuts and so reorders', () => {
  it('are each answered once, to who asked', async () => {
    const seed = Math.floor(Math.random() * 2 ** 32)
    const random = seeded(seed)
    const server = await openServer({ resumeWindow: 200 })
    const executor = remoteExecutor(server, { maxDispatches: 1000, queueTimeout: '5m' })
    onTestFinished(() => executor.close())
    /** How often the work of each key was done, over all workers. */
    const done = new Map<string, number>()
    const proxies = await Promise.all(
      Array.from({ length: 3 }, () =>
        openFrameProxy(urlOf(server), { random, maxDelayMs: 2, duplicates: 0.05, cuts: 0.03 }),
      ),
    )
    for (const proxy of proxies) onTestFinished(() => proxy.close())
    const workers = proxies.map(
      ({ url }, index) =>
        new RemoteWorker({
          url,
          workerId: `w-${index}`,
          maxConcurrentRequests: 100,
          logger: quietLogger(),
          // One comes back in time always, one at times, one never.
          reconnect: { minDelayMs: [5, 150, 400][index]!, maxDelayMs: [20, 300, 400][index]! },
          random,
          tasks: {
            square: (input: number, { idempotencyKey }) => {
              done.set(idempotencyKey, (done.get(idempotencyKey) ?? 0) + 1)
              // Some are long enough to come in chunks.
              return input % 1000 === 0
                ? { square: input * input, filling: 'y'.repeat(300_000) }
                : { square: input * input }
            },
          },
        }),
    )
    for (const worker of workers) onTestFinished(() => worker.stop())
    await Promise.all(workers.map((worker) => worker.start()))

    let settled = 0
    const orders = Array.from({ length: REQUESTS }, (_, n) => stepTask('square', n, { key: `k-${n % 7}` }))
    const results = await Promise.all(
      orders.map(async (order) => {
        const result = (await executor.execute(order, taskControl())) as { square: number }
        settled++
        return result.square
      }),
    )
    const counts = proxies.map((proxy) => proxy.counts)
    const faults = counts.reduce((sum, each) => sum + each.cuts, 0)
    const where = `seed ${seed}, ${JSON.stringify(counts)}, ${JSON.stringify(server.status().counters)}`
    expect(settled, where).toBe(REQUESTS)
    expect(results, where).toEqual(orders.map((_, n) => n * n))
    expect(faults, where).toBeGreaterThan(10)
    expect(server.status().counters.resumedSessions, where).toBeGreaterThan(0)
    // At least once: each was done, and again only when a worker was lost for good.
    expect(done.size, where).toBe(REQUESTS)
    const again = [...done.values()].reduce((sum, times) => sum + times - 1, 0)
    expect(again, where).toBeLessThanOrEqual(executor.status().redispatched)
    // Nothing is left behind.
    await until(() => server.status().activeRequests === 0, 'every slot is given back')
    expect(executor.status()).toMatchObject({ queued: 0, running: 0 })
  })

  it('are each done once when every cut is short enough to resume', async () => {
    const seed = Math.floor(Math.random() * 2 ** 32)
    const random = seeded(seed)
    const server = await openServer({ resumeWindow: '1m' })
    const executor = remoteExecutor(server, { queueTimeout: '5m' })
    onTestFinished(() => executor.close())
    const proxy = await openFrameProxy(urlOf(server), { random, duplicates: 0.1, cuts: 0.06 })
    onTestFinished(() => proxy.close())
    const done = new Map<string, number>()
    const worker = new RemoteWorker({
      url: proxy.url,
      maxConcurrentRequests: 50,
      logger: quietLogger(),
      reconnect: { minDelayMs: 1, maxDelayMs: 5 },
      tasks: {
        work: async (_input: unknown, { idempotencyKey }) => {
          await new Promise((resolve) => setTimeout(resolve, random() * 3))
          done.set(idempotencyKey, (done.get(idempotencyKey) ?? 0) + 1)
        },
      },
    })
    onTestFinished(() => worker.stop())
    await worker.start()
    // Where the very first answer was lost with a cut, nobody knew the session: only from here on is there one to resume.
    const { disconnects } = server.status().counters
    const orders = Array.from({ length: 2000 }, () => stepTask('work'))
    await Promise.all(orders.map((order) => executor.execute(order, taskControl())))
    const where = `seed ${seed}, ${JSON.stringify(proxy.counts)}`
    expect(proxy.counts.cuts, where).toBeGreaterThan(5)
    expect(
      [...done.values()].filter((times) => times !== 1),
      where,
    ).toEqual([])
    expect(done.size, where).toBe(2000)
    expect(server.status().counters.disconnects, where).toBe(disconnects)
  })
})
