/** A thread, a port, and a promise per message: what one would write by hand. */
import { Worker } from 'node:worker_threads'
import { roundTripsPerSecond } from './round-trips.mjs'

const worker = new Worker(new URL('floor-thread.mjs', import.meta.url))
const waiting = new Map()
let lastId = 0
worker.on('message', ({ id, value }) => {
  waiting.get(id)(value)
  waiting.delete(id)
})
const send = (task, input, transfer) =>
  new Promise((resolve) => {
    const id = ++lastId
    waiting.set(id, resolve)
    worker.postMessage({ id, task, input }, transfer)
  })

await roundTripsPerSecond({
  add: (input) => send('add', input),
  move: (buffer) => send('move', buffer, [buffer]),
})
await worker.terminate()
