/** A worker of its own process: `worker.ts URL ID TOKEN`. */
import { drainOnSignal } from 'busline/remote'
import { RemoteWorker } from 'busline/remote/client'

const [url = '', workerId = '', token = ''] = process.argv.slice(2)

const worker = new RemoteWorker({
  url,
  workerId,
  token,
  maxConcurrentRequests: 2,
  tasks: {
    resize: async ({ width, factor }: { width: number; factor: number }, { progress }) => {
      progress(0.5, 'half way')
      await new Promise((resolve) => setTimeout(resolve, 50))
      return Math.round(width * factor)
    },
  },
})
drainOnSignal(worker)
// The example that started it is gone, also where it was killed: nobody would end this process.
process.once('disconnect', () => void worker.stop())
// Listening to that alone would keep a worker here that has done its work.
process.channel?.unref()
// One that was asked to end before it got in has nothing more to do.
await worker.start().catch((error: unknown) => {
  if (worker.state !== 'stopped') throw error
})
await worker.closed
