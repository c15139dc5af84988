import { once } from 'node:events'
import { WebSocket } from 'ws'
import { RESULT } from './load.mjs'

const [port, count] = process.argv.slice(2).map(Number)
for (let n = 0; n < count; n++) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  await once(socket, 'open')
  socket.on('message', () => socket.send(RESULT))
}
process.send('ready')
