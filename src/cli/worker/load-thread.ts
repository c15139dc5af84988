import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** What a thread of `busline worker run` is started with. */
export interface LoadThreadData {
  readonly file: string
  /** The name of the channel for what is printed. */
  readonly printChannel: string
}

/** The name of the one runner that such a thread has. */
export const LOAD_RUNNER = 'load'

const BUILT = ['./load-worker.js', '../cli/load-worker.js']

/** Where the script of these threads is: in the package as it was built, or beside its sources. */
export function findLoadWorker(): URL {
  const urls = BUILT.map((candidate) => new URL(candidate, import.meta.url))
  const built = urls.find((url) => existsSync(fileURLToPath(url)))
  if (built) return built
  // From the sources, tsx runs us; threads do not inherit that.
  const tsx = pathToFileURL(
    createRequire(import.meta.url)
      .resolve('tsx/esm/api')
      .replace(/\.cjs$/, '.mjs'),
  )
  const source = new URL('./load-worker.ts', import.meta.url)
  const start = `import { register } from '${tsx.href}'; register(); await import('${source.href}')`
  return new URL(`data:text/javascript,${encodeURIComponent(start)}`)
}
