/** p-queue alone, with the same empty tasks: nothing is published, nothing becomes a run. */
import PQueue from 'p-queue'
import { tasksPerSecond } from './tasks.mjs'

const queue = new PQueue({ concurrency: 10 })

await tasksPerSecond(async (count, finished) => {
  for (let index = 0; index < count; index++) void queue.add(async () => finished())
  await queue.onIdle()
})
