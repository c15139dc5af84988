import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type StorageDriver, isSystemError } from 'busline'
import { sqliteStorage } from 'busline/storage/sqlite'

const PARTS = ['', '-wal', '-shm']

/** The SQLite file that keeps the runs of one process at a time. */
export interface RunFile {
  readonly file: string
  readonly storage: StorageDriver
  /** Closes the file, and gives it another name if that is asked for; nobody goes on with it from here on. */
  finish(name?: string): Promise<string>
}

/**
 * Opens the file, unless another process that lives is at it: then one of its own. `undefined` on a Node without SQLite:
 * nobody needs the file to see what the example shows.
 */
export async function openRunFile(wanted: string): Promise<RunFile | undefined> {
  mkdirSync(dirname(wanted), { recursive: true })
  const file = lock(wanted) ? wanted : `${wanted}.${process.pid}`
  // Power may take the last step; it is simply taken again.
  const storage = sqliteStorage({ file, synchronous: 'NORMAL' })
  const unlock = () => rmSync(`${file}.lock`, { force: true })
  try {
    await storage.get('replay')
  } catch (error) {
    unlock()
    if (isSystemError(error) && error.code === 'UNAVAILABLE') return undefined
    throw error
  }
  process.once('exit', unlock)
  return {
    file,
    storage,
    finish: async (name = file) => {
      await storage.close()
      if (name !== file) {
        for (const part of PARTS) rmSync(name + part, { force: true })
        await rename(file, name)
      }
      unlock()
      return name
    },
  }
}

/** Whether this process has the file for itself from here on. */
function lock(file: string): boolean {
  const note = `${file}.lock`
  try {
    writeFileSync(note, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    if (isAlive(Number(readFileSync(note, 'utf8')))) return false
    writeFileSync(note, String(process.pid))
    return true
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
