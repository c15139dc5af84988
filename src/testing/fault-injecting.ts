import { type Clock, systemClock } from '../core/clock.js'
import { type Duration, toMs } from '../core/duration.js'
import { freezePlainData } from '../core/plain-data.js'
import { SystemError } from '../core/system-error.js'
import { checkOperations } from '../storage/check-operations.js'
import type { StorageDriver, StorageOperation } from '../storage/storage-driver.js'

export type StorageCall = 'get' | 'scan' | 'commit'

interface FaultPlace {
  /** The first call it strikes, counted from 1. */
  readonly at: number
  /** Counts, and strikes, only calls of this kind. @default every kind */
  readonly on?: StorageCall
  /** How many calls in a row it strikes; `Infinity` for a disk that stays full. @default 1 */
  readonly times?: number
}

export type StorageFault = FaultPlace &
  (
    | {
        /** Rejects without doing anything. */
        readonly type: 'fail'
        /** What to reject with. @default a `STORAGE` error */
        readonly error?: unknown
      }
    | {
        /** Does it, and rejects nevertheless: the connection was lost before the answer came. */
        readonly type: 'fail-applied'
        /** What to reject with. @default a `STORAGE` error with `context.isOutcomeUnknown` */
        readonly error?: unknown
      }
    /** Waits on the clock of the plan before doing it. */
    | { readonly type: 'delay'; readonly for: Duration }
    /** Does it twice and gives the second answer, as a layer below that sends a request again. */
    | { readonly type: 'duplicate' }
    /** Applies only the first operations of a commit and dies: what a driver that is not atomic would leave. */
    | { readonly type: 'tear'; readonly operations: number }
    | {
        /** The process dies: neither this call nor any other settles ever again. */
        readonly type: 'kill'
        /** Whether the call that is struck still takes effect. */
        readonly when: 'before' | 'after'
        /** The machine dies too: commits since the last flush are gone, see {@link FaultPlan.flushEvery}. @default false */
        readonly isPowerLoss?: boolean
      }
  )

export interface FaultPlan {
  readonly faults?: readonly StorageFault[]
  /**
   * Commits between two flushes to the disk; what came after the last one is what a power loss takes. 1 is a strict
   * store, from which nothing that was acknowledged is ever lost. @default 1
   */
  readonly flushEvery?: number
  /**
   * What the wrapper says of itself. `true` lets a store in memory, which stays when the process is "killed", stand in
   * for a durable one. @default what the store says
   */
  readonly isDurable?: boolean
  /** For delays. @default the host's clock */
  readonly clock?: Clock
}

export interface FaultInjectingDriver extends StorageDriver {
  /** Calls so far, by kind. */
  readonly calls: Readonly<Record<StorageCall, number>>
  /** Calls so far. A run without faults tells how many places there are to strike. */
  readonly totalCalls: number
  /** The faults that have struck, in order. */
  readonly landed: readonly StorageFault[]
  /** Whether every fault of the plan has struck. A test that goes on without is testing nothing. */
  readonly hasLanded: boolean
  readonly isKilled: boolean
  /** Resolves after a kill, when the store is as the next process will find it. */
  readonly killed: Promise<void>
  /** Kills by hand, between calls. */
  kill(options?: { readonly isPowerLoss?: boolean }): Promise<void>
}

/**
 * Puts faults between a store and whoever uses it. The store itself (`driver`) stays open and usable after a kill:
 * give it, or another wrapper around it, to the next process.
 */
export function faultInjecting(driver: StorageDriver, plan: FaultPlan = {}): FaultInjectingDriver {
  return new FaultInjection(driver, plan)
}

class FaultInjection implements FaultInjectingDriver {
  readonly calls: Record<StorageCall, number> = { get: 0, scan: 0, commit: 0 }
  readonly landed: StorageFault[] = []
  readonly killed: Promise<void>
  readonly isDurable: boolean
  readonly #inner: StorageDriver
  readonly #faults: readonly StorageFault[]
  readonly #clock: Clock
  readonly #flushEvery: number
  /** Per commit since the last flush: what undoes it. */
  #unflushed: StorageOperation[][] = []
  #isKilled = false
  #resolveKilled!: () => void
  /** Tail of the commits under way; they run one after the other where each must be undone by itself. */
  #commits: Promise<unknown> = Promise.resolve()

  constructor(inner: StorageDriver, plan: FaultPlan) {
    const { faults = [], flushEvery = 1, isDurable = inner.isDurable, clock = systemClock } = plan
    this.#inner = inner
    this.isDurable = isDurable
    this.#faults = faults
    this.#clock = clock
    this.#flushEvery = flushEvery
    this.killed = new Promise((resolve) => (this.#resolveKilled = resolve))
  }

  get name(): string {
    return this.#inner.name
  }

  get isKilled(): boolean {
    return this.#isKilled
  }

  get totalCalls(): number {
    return this.calls.get + this.calls.scan + this.calls.commit
  }

  get hasLanded(): boolean {
    return this.#faults.every((fault) => this.landed.includes(fault))
  }

  get(key: string): Promise<unknown> {
    return this.#call('get', () => this.#inner.get(key))
  }

  scan(options: Parameters<StorageDriver['scan']>[0]): ReturnType<StorageDriver['scan']> {
    return this.#call('scan', () => this.#inner.scan(options))
  }

  async commit(operations: readonly StorageOperation[]): Promise<void> {
    const own = this.#canWait ? takeOver(operations) : operations
    return this.#call(
      'commit',
      () => this.#commit(own),
      (count) => this.#commit(own.slice(0, count)),
    )
  }

  async kill({ isPowerLoss = false }: { readonly isPowerLoss?: boolean } = {}): Promise<void> {
    if (this.#isKilled) return this.killed
    this.#isKilled = true
    await this.#commits
    if (isPowerLoss) {
      for (const undo of this.#unflushed.splice(0).reverse()) await this.#inner.commit(undo)
    }
    this.#resolveKilled()
  }

  async close(): Promise<void> {
    if (this.#isKilled) return
    await this.#commits
    await this.#inner.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #call<T>(
    kind: StorageCall,
    apply: () => Promise<T>,
    applyPart: (count: number) => Promise<unknown> = apply,
  ): Promise<T> {
    if (this.#isKilled) return never()
    const struck = this.#strike(kind)
    for (const fault of struck) if (fault.type === 'delay') await this.#wait(fault.for)
    const fault = struck.find(({ type }) => type !== 'delay')
    const result = await this.#applyWith(fault, apply, applyPart).then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error
      },
    )
    return this.#isKilled ? never() : result()
  }

  async #applyWith<T>(
    fault: StorageFault | undefined,
    apply: () => Promise<T>,
    applyPart: (count: number) => Promise<unknown>,
  ): Promise<T> {
    // Killed while it was delayed.
    if (this.#isKilled) return never()
    switch (fault?.type) {
      case 'fail':
        throw 'error' in fault ? fault.error : injectedError(false)
      case 'fail-applied':
        await apply()
        throw 'error' in fault ? fault.error : injectedError(true)
      case 'duplicate':
        await apply().catch(() => undefined)
        return apply()
      case 'tear':
        await applyPart(fault.operations)
        await this.kill()
        return never()
      case 'kill':
        if (fault.when === 'after') await apply().catch(() => undefined)
        await this.kill(fault)
        return never()
      default:
        return apply()
    }
  }

  #strike(kind: StorageCall): StorageFault[] {
    this.calls[kind]++
    const struck = this.#faults.filter(({ at, on, times = 1 }) => {
      const number = on === undefined ? this.totalCalls : this.calls[on]
      return (on === undefined || on === kind) && number >= at && number < at + times
    })
    this.landed.push(...struck)
    return struck
  }

  #commit(operations: readonly StorageOperation[]): Promise<void> {
    const commit =
      this.#flushEvery === 1
        ? this.#inner.commit(operations)
        : this.#commits.then(() => this.#commitUnflushed(operations))
    this.#commits = Promise.allSettled([this.#commits, commit])
    return commit
  }

  async #commitUnflushed(operations: readonly StorageOperation[]): Promise<void> {
    const undo = await this.#undoOf(operations)
    await this.#inner.commit(operations)
    this.#unflushed.push(undo)
    if (this.#unflushed.length >= this.#flushEvery) this.#unflushed = []
  }

  /** Operations that put every record the commit may touch back to what it is now. */
  async #undoOf(operations: readonly StorageOperation[]): Promise<StorageOperation[]> {
    const undo = new Map<string, StorageOperation>()
    const remember = (key: string, value: unknown) => {
      undo.set(key, value === undefined ? { type: 'delete', key } : { type: 'put', key, value })
    }
    for (const operation of operations) {
      if (operation.type === 'put' || operation.type === 'delete') {
        remember(operation.key, await this.#inner.get(operation.key))
      } else if (operation.type === 'deletePrefix') {
        let after: string | undefined
        do {
          const page = await this.#inner.scan({ prefix: operation.prefix, ...(after ? { after } : {}) })
          for (const { key, value } of page) remember(key, value)
          after = page.at(-1)?.key
        } while (after !== undefined)
      }
    }
    return [...undo.values()]
  }

  /** Whether a commit may reach the store later than it was made. */
  get #canWait(): boolean {
    return this.#flushEvery !== 1 || this.#faults.some(({ type }) => type === 'delay')
  }

  #wait(duration: Duration): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimeout(resolve, toMs(duration)))
  }
}

/** The caller may change its values as soon as `commit` has returned. */
function takeOver(operations: readonly StorageOperation[]): StorageOperation[] {
  const { expectations, writes } = checkOperations<unknown>(operations, (value) => freezePlainData(value))
  return [...expectations, ...writes]
}

function injectedError(isOutcomeUnknown: boolean): SystemError {
  return new SystemError('STORAGE', 'A fault was injected into the storage', {
    context: { reason: 'injected', isOutcomeUnknown },
  })
}

/** What a dead process answers. */
function never(): Promise<never> {
  return new Promise(() => undefined)
}
