import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { WorkerManager } from 'busline/workers'
import { nodeHost } from 'busline/workers/node'

const level = (name: string) => (message: string) => console.log(`${name.padEnd(6)}${message}`)

/** A manager whose threads run `worker.ts`. A built application would name its script, and that is all. */
export function openManager(maxWorkers: number): WorkerManager {
  const script = new URL('worker.ts', import.meta.url).href
  // Threads do not inherit tsx from the process.
  const tsx = pathToFileURL(
    createRequire(import.meta.url)
      .resolve('tsx/esm/api')
      .replace(/\.cjs$/, '.mjs'),
  ).href
  const start = `import { register } from '${tsx}'; register(); await import('${script}')`
  return new WorkerManager({
    host: nodeHost(new URL(`data:text/javascript,${encodeURIComponent(start)}`)),
    maxWorkers,
    logger: { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') },
    logLevel: 'warn',
  })
}
