import { access } from 'node:fs/promises'
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

/** A store that is there, or will be with the first write. Losing the last instant with the power is no tragedy here. */
export function createRunStore(file: string): RunStore {
  const storage = sqliteStorage({ file, synchronous: 'NORMAL' })
  return { file, storage, timelines: new StoredTimelineStore(storage), close: () => storage.close() }
}

/**
 * A store that is there.
 *
 * @throws {BadUsage} When none is named. {@link Failure} when there is no such file.
 */
export async function openRunStore(file: string | undefined): Promise<RunStore> {
  if (file === undefined || file === '') throw new BadUsage('--store must name a file')
  await access(file).catch((cause: unknown) => {
    throw new Failure(`Cannot open the store "${file}": there is no such file`, { cause })
  })
  return createRunStore(file)
}
