/** `floor` or `busline`: 5 000 connections that do nothing but, for `figure=heartbeats`, send one heartbeat each a round. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import { WorkerServer } from '../../dist/remote/index.js'
import { report } from '../stopwatch.mjs'

const COUNT = 5000
const ROUNDS = 10
const [side, figure] = process.argv.slice(2)

const port = side === 'floor' ? await openFloor() : await openBusline()
globalThis.gc()
const before = process.memoryUsage().rss
const child = fork(fileURLToPath(new URL('./idle-peers.mjs', import.meta.url)), [String(port), String(COUNT)])
await once(child, 'message')
await delay(500)
globalThis.gc()
if (figure === 'figure=memory') report((process.memoryUsage().rss - before) / COUNT / 1024)
else {
  await round()
  const startedAt = process.cpuUsage()
  for (let n = 0; n < ROUNDS; n++) await round()
  const { user, system } = process.cpuUsage(startedAt)
  report((user + system) / 1000 / ROUNDS)
}
child.kill()
process.exit()

async function round() {
  child.send('heartbeat')
  await once(child, 'message')
}

async function openFloor() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await once(server, 'listening')
  let messages = 0
  server.on('connection', (socket) => {
    socket.on('message', () => {
      if (++messages > COUNT) socket.send('{"type":"heartbeat_ack","timestamp":"2026-01-01T00:00:00.000Z"}')
      else socket.send('{"type":"worker_registration_ack","success":true}')
    })
  })
  return server.address().port
}

async function openBusline() {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} }
  const server = new WorkerServer({
    maxRegistrationsPerMinute: Infinity,
    maxUnregistered: COUNT,
    heartbeatTimeoutMs: 3_600_000,
    logger: quiet,
  })
  await server.start()
  return server.port
}
