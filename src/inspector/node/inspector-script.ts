import { readFile } from 'node:fs/promises'
import { SystemError } from '../../core/system-error.js'

/** Where the built package keeps it: next to this module, or up to two folders above when it went into a chunk. */
const PLACES = [
  '../page.js',
  './page.js',
  '../inspector/page.js',
  '../../dist/inspector/page.js',
  '../../../dist/inspector/page.js',
]

let script: Promise<string> | undefined

/** The element and what starts it, as one module for a page. */
export function readInspectorScript(): Promise<string> {
  script ??= readFirst().catch((error: unknown) => {
    script = undefined
    throw error
  })
  return script
}

async function readFirst(): Promise<string> {
  for (const place of PLACES) {
    try {
      return await readFile(new URL(place, import.meta.url), 'utf8')
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error
    }
  }
  throw new SystemError(
    'NOT_FOUND',
    'Cannot find the script of the inspector page: run "npm run build" first',
  )
}
