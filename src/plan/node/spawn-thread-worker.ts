import * as threads from 'node:worker_threads'
import type { SpawnWorker } from '../sandbox/worker-host.js'
import { openThread } from '../sandbox/spawn-engine-worker.js'

/**
 * Starts workers beside this file: `thread-worker.js`. It is built as a file of its own so that its address stays beside
 * that of the worker; see `vite.config.ts`.
 */
export const spawnThreadWorker: SpawnWorker = (limits, events) => {
  const file = `./thread-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`
  const heapMb = Math.ceil(limits.maxMemoryBytes / 2 ** 20)
  return openThread(threads, new URL(file, import.meta.url), heapMb, limits, events)
}
