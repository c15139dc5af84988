import type { StorageDriver } from '../../storage/storage-driver.js'

/** How processes on one store see at once that another is gone, before its claim has lapsed. */
export interface OwnerLocks {
  /** Resolves when this owner is seen to live. */
  hold(owner: string): Promise<void>
  /** Calls `act` once, when that owner has gone; asked again for the same owner it does nothing. */
  whenGone(owner: string, act: () => void): void
  /** Gives everything up: this owner has gone. */
  close(): void
}

/** The part of the Web Locks API that is used. */
interface WebLocks {
  request(name: string, options: { readonly signal: AbortSignal }, granted: () => unknown): Promise<unknown>
}

/**
 * Web Locks, where the store is one that only tabs of this browser share: each tab holds a lock in its name, which the browser passes on as
 * soon as the tab is closed or crashes. A page that is frozen keeps its lock; that it has lapsed is seen by its claim, and
 * that it cannot commit any more is a matter of the epoch.
 */
export function tabLocks(driver: StorageDriver): OwnerLocks | undefined {
  const { navigator } = globalThis as { navigator?: { readonly locks?: WebLocks } }
  const locks = navigator?.locks
  return locks && driver.name === 'indexeddb' ? new TabLocks(locks) : undefined
}

class TabLocks implements OwnerLocks {
  readonly #locks: WebLocks
  readonly #closing = new AbortController()
  readonly #watched = new Set<string>()
  #release: (() => void) | undefined

  constructor(locks: WebLocks) {
    this.#locks = locks
  }

  hold(owner: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const untilReleased = () => {
        resolve()
        return new Promise<void>((release) => (this.#release = release))
      }
      this.#request(owner, untilReleased).catch(reject)
    })
  }

  whenGone(owner: string, act: () => void): void {
    if (this.#watched.has(owner)) return
    this.#watched.add(owner)
    // Without an answer its claim still lapses.
    this.#request(owner, act).catch(() => {})
  }

  close(): void {
    this.#closing.abort()
    this.#release?.()
  }

  #request(owner: string, granted: () => unknown): Promise<unknown> {
    return this.#locks.request(`busline/owner/${owner}`, { signal: this.#closing.signal }, granted)
  }
}
