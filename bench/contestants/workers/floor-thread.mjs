import { parentPort } from 'node:worker_threads'

parentPort.on('message', ({ id, task, input }) => {
  if (task === 'add') parentPort.postMessage({ id, value: input.a + input.b })
  else parentPort.postMessage({ id, value: input }, [input])
})
