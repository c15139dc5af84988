import { createHash } from 'node:crypto'
import type { StorageDriver } from '../../storage/storage-driver.js'
import type { EventLine } from '../events/event-lines.js'

const PREFIX = 'cli/taken/'

/**
 * Which events of a file have been published, kept beside the runs: whoever starts again after a crash publishes the
 * rest. An event without an id gets one from what its line says and how often it was said before, so that the same
 * file gives the same ids.
 */
export class TakenEvents {
  readonly #storage: StorageDriver
  readonly #isRepeatable: boolean
  readonly #seen = new Map<string, number>()

  /** @param isRepeatable Whether the same lines will come again: those of a file do, those of a pipe need not. */
  constructor(storage: StorageDriver, isRepeatable: boolean) {
    this.#storage = storage
    this.#isRepeatable = isRepeatable
  }

  identify(event: EventLine): EventLine {
    if (event.meta.id !== undefined || !this.#isRepeatable) return event
    const { type, payload, meta } = event
    const hash = createHash('sha256')
      .update(JSON.stringify([type, payload, meta]))
      .digest('hex')
      .slice(0, 24)
    const times = (this.#seen.get(hash) ?? 0) + 1
    this.#seen.set(hash, times)
    return { ...event, meta: { ...meta, id: `${hash}-${times}` } }
  }

  async has({ meta }: EventLine): Promise<boolean> {
    return meta.id !== undefined && (await this.#storage.get(keyOf(meta.id))) !== undefined
  }

  async add({ meta, line }: EventLine): Promise<void> {
    if (meta.id === undefined) return
    await this.#storage.commit([{ type: 'put', key: keyOf(meta.id), value: { line } }])
  }
}

/** Hashed: an id may be of any length and hold anything. */
function keyOf(id: string): string {
  return PREFIX + createHash('sha256').update(id).digest('hex')
}
