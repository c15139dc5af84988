import { createHash } from 'node:crypto'
import { defineRunner, serveWorker } from '../../dist/workers/node/index.js'

const text = 'x'.repeat(20_000)

serveWorker({
  runners: {
    compute: defineRunner({
      execute: ({ telemetry }) => {
        telemetry.requestCount++
        return createHash('sha256').update(text).digest('hex').length > 0
      },
    }),
  },
})
