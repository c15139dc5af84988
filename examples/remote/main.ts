/**
 * One server and three workers, each a process of its own. Workflows resize pictures on the workers, while one worker after
 * the other is killed and comes back. At the end every picture was done, and it is told how often a worker was lost.
 *
 * `npx tsx examples/remote/main.ts [PICTURES]`
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { WorkflowRuntime, createEventBus } from 'busline'
import { WorkerServer, healthHandler, metricsHandler, remoteExecutor, statusHandler } from 'busline/remote'
import { type PictureEvents, pictures } from './pictures.js'

const [count = '60'] = process.argv.slice(2)
// Of a number that is none the end would never come.
if (!/^[1-9]\d{0,14}$/.test(count)) {
  console.error(`PICTURES must be a whole number from 1, such as 60: it is "${count}"`)
  process.exit(2)
}
const PICTURES = Number(count)
/** After so many pictures the next worker is killed. */
const KILL_EVERY = 15
const WORKERS = ['ada', 'grace', 'edith']
const TOKEN = 'only-for-this-example'

const server = new WorkerServer({ authToken: TOKEN, resumeWindow: '1s' })
for (const handler of [healthHandler, metricsHandler, statusHandler]) server.addHttpHandler(handler(server))
server.onWorkerConnected(({ id }) => console.log(`+ ${id}`))
server.onWorkerDisconnected(({ id }, pending) =>
  console.log(`- ${id}, with ${pending.length} requests in hand`),
)
await server.start()
console.log(`Look: http://127.0.0.1:${server.port}/status`)

const bus = createEventBus<PictureEvents>({ source: 'example' })
// Workers may be slow to start, and are killed on purpose.
const executor = remoteExecutor(server, { maxDispatches: 100, queueTimeout: '5m' })
const runtime = new WorkflowRuntime({ bus, executors: { remote: executor } })

let done = 0
let onAll = () => {}
const all = new Promise<void>((resolve) => (onAll = resolve))
await runtime.register(pictures, {
  mode: { type: 'transient', concurrency: 12 },
  onComplete: (result) => {
    if (!result.ok) console.error(result.error.message, result.error.errors?.[0]?.message)
    if (++done === PICTURES) onAll()
    else if (done % KILL_EVERY === 0) kill(WORKERS[(done / KILL_EVERY) % WORKERS.length]!)
  },
})

const processes = new Map<string, ChildProcess>()
let isOver = false
for (const id of WORKERS) startWorker(id)

for (let n = 0; n < PICTURES; n++) bus.publish('picture:added', { id: `p-${n}`, width: 800 + n })

await all
isOver = true
const { counters } = server.status()
console.log(`${done} pictures done, ${executor.status().redispatched} requests given out again`)
console.log(`${counters.registrations} registrations, ${counters.disconnects} workers lost on the way`)
await runtime.stop()
await executor.close()
await server.stop()
for (const child of processes.values()) child.kill('SIGTERM')

function kill(id: string): void {
  console.log(`  kill ${id}`)
  processes.get(id)?.kill('SIGKILL')
}

/** Starts a worker, and another one whenever it has ended. */
function startWorker(id: string): void {
  const child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), [
    `ws://127.0.0.1:${server.port}`,
    id,
    TOKEN,
  ])
  processes.set(id, child)
  child.on('exit', () => {
    if (!isOver) startWorker(id)
  })
}
