import fastq from 'fastq'
import { tasksPerSecond } from './tasks.mjs'

const queue = fastq.promise(async (finished) => finished(), 10)

await tasksPerSecond((count, finished) =>
  Promise.all(Array.from({ length: count }, () => queue.push(finished))),
)
