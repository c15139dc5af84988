/** The script of the threads: which runners they have. */
import { serveWorker } from 'busline/workers/node'
import { batchRunner } from './runners/batch-runner.js'
import { hashRunner } from './runners/hash-runner.js'

serveWorker({ runners: { batch: batchRunner, hash: hashRunner } })
