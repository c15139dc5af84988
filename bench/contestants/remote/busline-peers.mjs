import { RemoteWorker } from '../../dist/remote/client/index.js'

const [port, count, window] = process.argv.slice(2).map(Number)
for (let n = 0; n < count; n++) {
  const worker = new RemoteWorker({
    url: `ws://127.0.0.1:${port}`,
    maxConcurrentRequests: window,
    tasks: { echo: (input) => input },
  })
  await worker.start()
}
process.send('ready')
