/** By hand: frames of the same bytes over the same number of `ws` sockets, answered without being read. */
import { once } from 'node:events'
import { WebSocketServer } from 'ws'
import { REQUEST, measure, startPeers, workers } from './load.mjs'

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
await once(server, 'listening')
const lines = []
server.on('connection', (socket) => {
  const waiting = []
  socket.on('message', () => waiting.shift()())
  lines.push((resolve) => {
    waiting.push(resolve)
    socket.send(REQUEST)
  })
})
const peers = await startPeers('./floor-peers.mjs', server.address().port)
while (lines.length < workers) await new Promise((resolve) => setTimeout(resolve, 5))

let turn = 0
await measure(() => new Promise(lines[turn++ % workers]))
peers.kill()
process.exit()
