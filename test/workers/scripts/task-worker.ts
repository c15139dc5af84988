import { setFlagsFromString } from 'node:v8'
import { threadId } from 'node:worker_threads'
import { conformanceTasks } from '../../../src/testing/conformance-tasks.js'
import { serveWorker } from '../../../src/workers/node/serve-worker.js'
import { transfer } from '../../../src/workers/messages/transfer.js'

const kept = new ArrayBuffer(8)

serveWorker({
  tasks: {
    ...conformanceTasks,
    where: () => threadId,
    wait: (ms: number) => new Promise((resolve) => setTimeout(() => resolve(threadId), ms)),
    loop: (_input: never, { progress }) => {
      progress(0)
      for (;;);
    },
    exit: () => process.exit(0),
    leak: () => {
      setFlagsFromString('--max-old-space-size=16')
      const all: unknown[] = []
      for (;;) all.push(new Array(100_000).fill(Math.random()))
    },
    unhandled: () => {
      void Promise.reject(new Error('nobody cares'))
      return new Promise(() => {})
    },
    /** Takes its thread along, the first time. */
    exitAtFirst: (_input: never, { attempt, idempotencyKey }) => {
      if (attempt === 1) process.exit(1)
      return { attempt, idempotencyKey, threadId }
    },
    tell: (text: string, { progress, logger }) => {
      progress(0.5, text)
      logger.warn(text, { threadId })
    },
    silent: () => new Promise(() => {}),
    double: (numbers: Float64Array) => {
      for (let index = 0; index < numbers.length; index++) numbers[index]! *= 2
      return transfer(numbers, [numbers.buffer as ArrayBuffer])
    },
    /** The same buffer each time: the second time it is not there any more. */
    same: () => transfer({ kept }, [kept]),
  },
})
