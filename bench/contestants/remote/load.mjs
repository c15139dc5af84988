/** What both sides of the comparison do: the same bytes, as many at a time, over as many sockets. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { report } from '../stopwatch.mjs'

/** `workers=16`, `window=1024`, `figure=rate` or `figure=p99`. */
export const args = Object.fromEntries(process.argv.slice(2).map((arg) => arg.split('=')))
export const workers = Number(args.workers ?? 1)

/** How many requests are under way at a time, over all workers. */
const window = Number(args.window ?? 64)

const input = {
  orderId: 'o-12345',
  customer: { id: 'c-678', country: 'DE', tags: ['new', 'newsletter'] },
  lines: Array.from({ length: 5 }, (_, n) => ({ sku: `sku-${n}`, quantity: n + 1, price: 9.95 })),
}

export const task = {
  task: 'echo',
  input,
  runId: '019abcde-0000-7000-8000-000000000000',
  workflowId: 'orders',
  pipelineId: 'main',
  stageId: 'check',
  stepId: 'echo',
  path: 'check/echo',
  attempt: 1,
  idempotencyKey: '019abcde-0000-7000-8000-000000000000/check/1/echo',
  timeoutMs: Infinity,
  requires: {},
  key: undefined,
}

const { task: name, runId, path, idempotencyKey, attempt } = task
const requestId = '0123456789ab'

/** What a request and its result are on the wire; what a frame of up to 32 says once of their step is not among it. */
export const REQUEST = JSON.stringify({
  type: 'task_request',
  requestId,
  task: name,
  runId,
  path,
  idempotencyKey,
  attempt,
  input,
})
export const RESULT = JSON.stringify({ type: 'task_result', requestId, ok: true, value: input })

/** How long it is done before it is measured: until the compilers of both processes have settled, on a busy machine too. */
const WARM_UP_MS = 3000

/** Starts the process that holds the workers, and waits until it says that they are there. */
export async function startPeers(file, port) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [
    String(port),
    String(workers),
    String(window),
  ])
  await once(child, 'message')
  return child
}

/** Keeps the window full with what `doOnce(lane)` starts; reports requests per second, or the 99th percentile in milliseconds. */
export async function measure(doOnce) {
  await run(doOnce, WARM_UP_MS)
  const { done, elapsedMs, latencies } = await run(doOnce, 2500)
  latencies.sort((one, other) => one - other)
  report(args.figure === 'p99' ? latencies[Math.floor(latencies.length * 0.99)] : (done / elapsedMs) * 1000)
}

async function run(doOnce, ms) {
  const startedAt = performance.now()
  const latencies = []
  const lane = async (_, index) => {
    for (let now = performance.now(); now - startedAt < ms;) {
      await doOnce(index)
      const after = performance.now()
      latencies.push(after - now)
      now = after
    }
  }
  await Promise.all(Array.from({ length: window }, lane))
  return { done: latencies.length, elapsedMs: performance.now() - startedAt, latencies }
}
