import pLimit from 'p-limit'
import { tasksPerSecond } from './tasks.mjs'

const limit = pLimit(10)

await tasksPerSecond((count, finished) =>
  Promise.all(Array.from({ length: count }, () => limit(async () => finished()))),
)
