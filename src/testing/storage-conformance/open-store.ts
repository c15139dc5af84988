import type { ScanOptions, StorageDriver, StorageOperation } from '../../storage/storage-driver.js'

/** One backing store, and the way to open a driver on it. */
export interface StorageConformanceTarget {
  /** Opens a driver. Called again, it opens the same store once more, as a second process or one after a restart would. */
  open(): StorageDriver | Promise<StorageDriver>
  /** Removes the backing store. Called once, after every driver was closed. */
  remove?(): void | Promise<void>
}

/** Takes up one requirement: what it says, and what shows it on a new store. */
export type AddCase = (title: string, body: (store: OpenStore) => Promise<void>) => void

/** The store of one case, with a driver that is open on it. */
export class OpenStore {
  readonly #target: StorageConformanceTarget
  readonly #opened: StorageDriver[] = []
  driver!: StorageDriver

  private constructor(target: StorageConformanceTarget) {
    this.#target = target
  }

  static async create(target: StorageConformanceTarget): Promise<OpenStore> {
    const store = new OpenStore(target)
    store.driver = await store.openAnother()
    return store
  }

  async openAnother(): Promise<StorageDriver> {
    const driver = await this.#target.open()
    this.#opened.push(driver)
    return driver
  }

  async reopen(): Promise<void> {
    await this.driver.close()
    this.driver = await this.openAnother()
  }

  put(...entries: [key: string, value: unknown][]): Promise<void> {
    return this.driver.commit(entries.map(([key, value]) => put(key, value)))
  }

  async keys(options: ScanOptions = { prefix: '' }): Promise<string[]> {
    return (await this.driver.scan(options)).map(({ key }) => key)
  }

  async dispose(): Promise<void> {
    for (const driver of this.#opened) await driver.close()
    await this.#target.remove?.()
  }
}

export function put(key: string, value: unknown): StorageOperation {
  return { type: 'put', key, value }
}

export function expectField(
  key: string,
  field: string,
  equals: string | number | undefined,
): StorageOperation {
  return { type: 'expect', key, field, equals }
}
