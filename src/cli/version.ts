import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The version of the package this file is part of: in its sources, or where it was built or installed. */
export function version(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (dirname(folder) !== folder) {
    const manifest = readManifest(join(folder, 'package.json'))
    if (manifest.name === 'busline' && manifest.version !== undefined) return manifest.version
    folder = dirname(folder)
  }
  return 'unknown'
}

function readManifest(file: string): { readonly name?: string; readonly version?: string } {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string }
  } catch {
    return {}
  }
}
