import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SystemError } from '../../core/system-error.js'

/**
 * Makes the folder of a file, and those it lies in. One by one: where none can be, as under /proc, the recursive `mkdir` of
 * Node goes on trying for minutes.
 *
 * @throws {SystemError} `STORAGE` when it cannot be made.
 */
export async function makeFolderOf(file: string): Promise<void> {
  try {
    await makeFolder(dirname(file))
  } catch (cause) {
    throw new SystemError(
      'STORAGE',
      `Cannot use the SQLite file "${file}": its folder cannot be made; check the path and its permissions`,
      { cause, context: { file, reason: 'unreachable', isOutcomeUnknown: false } },
    )
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (error) {
    if (await isFolder(folder)) return
    const parent = dirname(folder)
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || (await isFolder(parent))) throw error
    await makeFolder(parent)
    await makeFolder(folder)
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}
