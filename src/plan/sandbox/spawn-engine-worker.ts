import type { EngineLimits, FromWorker } from './engine-protocol.js'
import { type EngineWorker, type EngineWorkerEvents, OUT_OF_MEMORY, type SpawnWorker } from './worker-host.js'

/**
 * Starts workers beside this file: `engine-worker.js`. It is built as a file of its own so that its address stays beside
 * that of the worker; see `vite.config.ts`.
 */

/** The part of `node:worker_threads` in use here; the module itself is no import, as browsers have none. */
export interface NodeThreads {
  readonly Worker: new (program: URL | string, options: object) => NodeThread
}

interface NodeThread {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: FromWorker) => void): unknown
  on(event: 'error', listener: (error: Error & { readonly code?: string }) => void): unknown
  on(event: 'exit', listener: (code: number) => void): unknown
  ref(): void
  unref(): void
  terminate(): Promise<number>
}

/** The threads of Node, where there are any. */
export function findNodeThreads(): NodeThreads | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }
  return process?.getBuiltinModule?.('node:worker_threads') as NodeThreads | undefined
}

/** How workers are started here; nothing where there are none. */
export function findSpawner(createWorker?: () => Worker): SpawnWorker | undefined {
  if (createWorker) return (limits, events) => openWebWorker(createWorker(), limits, events)
  const threads = findNodeThreads()
  if (threads) return (limits, events) => openThread(threads, engineFile(), 32, limits, events)
  if (typeof Worker === 'undefined') return undefined
  return (limits, events) => {
    const worker = new Worker(new URL('./engine-worker.js', import.meta.url), { type: 'module' })
    return openWebWorker(worker, limits, events)
  }
}

/** Of the files beside this one. */
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

function engineFile(): URL {
  // Not written as one expression: a bundler would take it for a picture to be packed.
  const file = `./engine-worker${extension}`
  return new URL(file, import.meta.url)
}

/** @param heapMb Upper bound on the heap of the thread itself, in megabytes: job text may have one of its own. */
export function openThread(
  { Worker: Thread }: NodeThreads,
  file: URL,
  heapMb: number,
  limits: object,
  { onMessage, onExit }: EngineWorkerEvents,
): EngineWorker {
  // What is not built yet needs a loader, which a thread has to start itself.
  const isSource = file.pathname.endsWith('.ts')
  const thread = new Thread(isSource ? throughTsx(file) : file, {
    eval: isSource,
    // Neither the environment nor the flags of the process are the business of job text.
    env: {},
    argv: [],
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: 16, stackSizeMb: STACK_MB },
  })
  let reason = 'it ended'
  thread.on('message', onMessage)
  thread.on('error', (error) => {
    reason = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? OUT_OF_MEMORY : `${error.name}: ${error.message}`
  })
  thread.on('exit', () => onExit(reason))
  thread.postMessage(limits)
  return {
    post: (message) => thread.postMessage(message),
    hold: (isHeld) => (isHeld ? thread.ref() : thread.unref()),
    terminate: () => void thread.terminate(),
  }
}

/** As much as the deepest recursion that QuickJS allows takes of the stack of the thread. */
const STACK_MB = 16

function throughTsx(file: URL): string {
  return `import('tsx/esm/api').then(({ register }) => (register(), import(${JSON.stringify(file.href)})))`
}

function openWebWorker(
  worker: Worker,
  limits: EngineLimits,
  { onMessage, onExit }: EngineWorkerEvents,
): EngineWorker {
  let isGone = false
  const gone = (reason: string) => {
    if (isGone) return
    isGone = true
    onExit(reason)
  }
  worker.onmessage = ({ data }) => onMessage(data as FromWorker)
  worker.onerror = (event) => {
    event.preventDefault()
    worker.terminate()
    gone(event.message || 'its script could not be loaded')
  }
  worker.postMessage(limits)
  return {
    post: (message) => worker.postMessage(message),
    hold: () => {},
    terminate: () => {
      worker.terminate()
      gone('it was ended')
    },
  }
}
