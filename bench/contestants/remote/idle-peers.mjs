import { once } from 'node:events'
import { WebSocket } from 'ws'

const [port, count] = process.argv.slice(2).map(Number)
const sockets = []
let answers = 0
for (let n = 0; n < count; n++) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  await once(socket, 'open')
  const capabilities = { models: [], maxConcurrentRequests: 4 }
  socket.send(
    JSON.stringify({ type: 'worker_registration', workerId: `w-${n}`, workerName: `w-${n}`, capabilities }),
  )
  socket.on('message', () => {
    if (++answers % count === 0) process.send('all were answered')
  })
  sockets.push(socket)
}
process.on('message', () => {
  for (const [n, socket] of sockets.entries()) {
    socket.send(
      JSON.stringify({ type: 'heartbeat', workerId: `w-${n}`, timestamp: '2026-01-01T00:00:00.000Z' }),
    )
  }
})
