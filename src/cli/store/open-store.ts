import { access, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { StorageDriver } from '../../storage/storage-driver.js'
import { sqliteStorage } from '../../storage/sqlite/index.js'
import { StoredTimelineStore } from '../../timeline/stored-timeline-store.js'
import type { TimelineStore } from '../../timeline/timeline-store.js'
import { BadUsage, Failure } from '../failure.js'

/** Runs and their timelines in an SQLite file. */
export interface RunStore {
  readonly file: string
  readonly storage: StorageDriver
  readonly timelines: TimelineStore
  close(): Promise<void>
}

/**
 * A store that is there, or will be with the first write. Its folder must be there: one that is made for a path that was
 * mistyped hides that the runs are looked for elsewhere.
 *
 * @throws {Failure} When there is no such folder, or the file is one.
 */
export async function createRunStore(file: string): Promise<RunStore> {
  const folder = dirname(file)
  if (!(await isFolder(folder))) {
    throw new Failure(
      `Cannot keep runs in "${file}": there is no folder "${folder}"; make it, or name another file`,
    )
  }
  if (await isFolder(file)) {
    throw new Failure(`Cannot open the store "${file}": it is a folder; name a file in it`)
  }
  // Losing the last instant with the power is no tragedy here.
  const storage = sqliteStorage({ file, synchronous: 'NORMAL' })
  return { file, storage, timelines: new StoredTimelineStore(storage), close: () => storage.close() }
}

/**
 * A store that is there.
 *
 * @throws {BadUsage} When none is named. {@link Failure} when there is no such file, or it is a folder.
 */
export async function openRunStore(file: string | undefined): Promise<RunStore> {
  if (file === undefined || file === '') throw new BadUsage('--store must name a file')
  await access(file).catch((cause: unknown) => {
    throw new Failure(`Cannot open the store "${file}": there is no such file`, { cause })
  })
  return createRunStore(file)
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}
