/**
 * BullMQ on a PostgreSQL server, or on a Redis server that writes each command to disk before it answers. A run is one job
 * with three steps, each of which is kept with `updateData` before the next, as BullMQ's guide describes for jobs in steps.
 */
import { Queue, Worker, createPostgresBackend } from 'bullmq'
import { CONCURRENCY, STAGES, runsPerSecond, work } from './orders.mjs'
import { withPostgres } from './with-postgres.mjs'
import { withRedis } from './with-redis.mjs'

async function measure(connection, ...backend) {
  const options = { connection }
  const queue = new Queue('orders', options, ...backend)
  // It makes the tables; the others look for them.
  await queue.waitUntilReady()
  const worker = new Worker(
    'orders',
    async (job) => {
      for (const stage of STAGES) await job.updateData({ ...job.data, ...(await work(stage)) })
      return job.data
    },
    { ...options, concurrency: CONCURRENCY },
    ...backend,
  )
  for (const each of [queue, worker]) each.on('error', (error) => console.error(error.message))
  // The worker itself tells who has finished: quicker than events that go by way of the server.
  const waiting = new Map()
  worker.on('completed', ({ id }) => waiting.get(id)?.())
  await worker.waitUntilReady()
  let count = 0
  const figure = await runsPerSecond(async () => {
    const jobId = `order-${++count}`
    const finished = new Promise((resolve) => waiting.set(jobId, resolve))
    await queue.add('order', {}, { jobId, removeOnComplete: 1000 })
    await finished
    waiting.delete(jobId)
  })
  await worker.close()
  await queue.close()
  return figure
}

if (process.argv[2] === 'redis') {
  await withRedis((connection) => measure(connection))
} else {
  await withPostgres((server) => {
    // It wants an address that is an URL; the host in its options is the one that counts.
    const connectionString = server.connectionString('bullmq').replace('@/', '@localhost/')
    return measure({ connectionString, migrate: true }, createPostgresBackend)
  })
}
