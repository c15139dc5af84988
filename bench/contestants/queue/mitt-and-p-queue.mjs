/** What one would write by hand: a mitt handler that puts the task of each event into a p-queue. */
import mitt from 'mitt'
import PQueue from 'p-queue'
import { tasksPerSecond } from './tasks.mjs'

const emitter = mitt()
const queue = new PQueue({ concurrency: 10 })
emitter.on('task', (finished) => void queue.add(async () => finished()))

await tasksPerSecond(async (count, finished) => {
  for (let index = 0; index < count; index++) emitter.emit('task', finished)
  await queue.onIdle()
})
