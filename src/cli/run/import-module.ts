import { access } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe } from '../../core/system-error.js'
import { Failure } from '../failure.js'

/** What a module exports. */
export type ModuleExports = Readonly<Record<string, unknown>>

/**
 * Imports a module of the user: JavaScript, or TypeScript where the package tsx is there or Node can.
 *
 * @throws {Failure} When there is no such file, or it cannot be imported.
 */
export async function importModule(file: string): Promise<ModuleExports> {
  const path = resolve(file)
  await access(path).catch((cause: unknown) => {
    throw new Failure(`Cannot load "${file}": there is no such file`, { cause })
  })
  const url = pathToFileURL(path).href
  const isTypeScript = /\.[cm]?tsx?$/.test(path)
  if (isTypeScript) await startTsx(path)
  try {
    const imported = (await import(/* @vite-ignore */ url)) as ModuleExports
    // Of a CommonJS module everything is under `default`.
    const inner = imported['default'] as ModuleExports | undefined
    return inner?.['__esModule'] === true ? inner : imported
  } catch (error) {
    const { code } = error as { readonly code?: string }
    const needsTsx = isTypeScript && (code === 'ERR_UNKNOWN_FILE_EXTENSION' || code?.includes('TYPESCRIPT'))
    const reason = needsTsx
      ? 'for TypeScript install the package tsx, or run on Node 22.18 or later'
      : `${describe(error)}${placeIn(error, path)}`
    throw new Failure(`Cannot load "${file}": ${reason}`, { cause: error })
  }
}

/** Lets Node import TypeScript through the package tsx, of the module's project or of ours; nothing where there is none. */
async function startTsx(path: string): Promise<void> {
  for (const from of [path, fileURLToPath(import.meta.url)]) {
    try {
      // Of its two builds, the one for `require` cannot register from a file URL.
      const api = createRequire(from)
        .resolve('tsx/esm/api')
        .replace(/\.cjs$/, '.mjs')
      const { register } = (await import(/* @vite-ignore */ pathToFileURL(api).href)) as {
        register: () => unknown
      }
      // For as long as the process lives: what was imported may import more.
      register()
      return
    } catch {
      // Then the next, or Node itself.
    }
  }
}

/** Where in the module it was thrown, if it was there. */
function placeIn(error: unknown, path: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const at = stack.split('\n').find((line) => line.includes(path))
  const [, place] = /:(\d+(?::\d+)?)\)?$/.exec(at ?? '') ?? []
  return place === undefined ? '' : ` (${basename(path)}:${place})`
}
