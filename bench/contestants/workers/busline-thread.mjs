import { serveWorker, transfer } from '../../dist/workers/node/index.js'

serveWorker({
  tasks: {
    add: ({ a, b }) => a + b,
    move: ({ buffer }) => transfer({ buffer }, [buffer]),
  },
})
