import { toMs } from '../core/duration.js'
import type { SystemError } from '../core/system-error.js'
import type { Artifact } from './artifact.js'
import type { FactoryContext } from './artifact-template.js'
import { buildFailed, givenUp, isContainerError, serviceError } from './container-errors.js'
import type { Dependencies } from './dependencies.js'
import { runCleanup } from './run-cleanup.js'

/** How a build ended: failed, or else ready, or else no longer live. */
interface BuildEnd {
  readonly error?: SystemError
}

/** A part of the run state that a factory read, and how to read it again. */
interface Selection {
  readonly selector: (state: never) => unknown
  readonly value: unknown
}

const DEFAULT_TIMEOUT = '30s'

/**
 * One call of a factory, and what came of it: dependencies, clean-ups, the signal. It lives as long as the instance.
 *
 * - C1 A build ends once. What its factory does afterwards changes nothing; clean-ups it registers then run at once.
 * - C2 Only the factory's own time counts against its timeout.
 */
export class Build {
  readonly artifact: Artifact
  readonly deps = new Set<Artifact>()
  readonly selections: Selection[] = []
  /** Rises with each build that became ready: clean-up goes down it. Builds in progress come first. */
  order = Infinity
  /** Whether the instance is, or may become, the present one. */
  isLive = true
  /** Whether the factory is still at work. */
  isRunning = true
  /** Resolves when the factory has ended, however. */
  finished: Promise<void> = Promise.resolve()

  /** Builds that used the value of this one and were given up before it, until they are closed. */
  readonly leaving = new Set<Build>()

  readonly #cleanups: (() => unknown)[] = []
  /** Called when it is closed. */
  readonly #onClosed: (() => void)[] = []
  /** Made when the factory takes its signal: most never do. */
  #controller: AbortController | undefined
  /** Clean-ups that came too late and were started at once. */
  readonly #late = new Set<Promise<void>>()
  readonly #errors: SystemError[] = []
  #end: ((end: BuildEnd) => void) | undefined
  #isAborted = false
  #hasEmitted = false
  #hasFailed = false
  #timer: unknown
  #leftMs: number
  #startedAt = 0
  /** What ends each wait of the factory for a service. */
  readonly #waits = new Set<(error: SystemError) => void>()

  constructor(artifact: Artifact) {
    this.artifact = artifact
    this.#leftMs = toMs(artifact.template.timeout ?? DEFAULT_TIMEOUT)
  }

  /** Calls the factory. Resolves when the build is ready, has failed or was given up; not with the factory's end. */
  run(attempt: number): Promise<BuildEnd> {
    const { template } = this.artifact
    return new Promise((resolve) => {
      this.#end = resolve
      this.#startTimer()
      // In a turn of its own: a factory that asks for the next one, and so on, needs no stack.
      this.finished = Promise.resolve()
        .then(() =>
          this.isLive ? template.factory(this.#context(attempt) as FactoryContext<never>) : undefined,
        )
        .then(
          (value) => {
            this.isRunning = false
            if (!this.#hasEmitted) this.#becomeReady(value)
          },
          (cause: unknown) => {
            this.isRunning = false
            this.#fail(cause)
          },
        )
    })
  }

  /** Gives the instance up, or the attempt to make one. What remains is to `close()` it. */
  giveUp(): void {
    if (!this.isLive) return
    this.isLive = false
    for (const dep of this.deps) {
      dep.dependents.delete(this.artifact)
      if (dep.build?.wasReady && this.hasEnd) this.#leave(dep.build)
    }
    if (this.isRunning) this.artifact.home.outlive(this)
    // One that is in use is told when its turn to close comes: after those that were built from it.
    if (!this.wasReady) this.abort()
    this.#settle({})
    for (const reject of this.#waits) reject(givenUp(this.artifact))
  }

  abort(): void {
    this.#isAborted = true
    this.#controller?.abort()
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.isLive) this.artifact.home.hold(this.artifact)
    }
    if (this.#isAborted) this.#controller.abort()
    return this.#controller.signal
  }

  get wasReady(): boolean {
    return this.order !== Infinity
  }

  /** Whether `close` has anything to wait for. */
  get needsClosing(): boolean {
    return this.isRunning || this.#cleanups.length + this.#late.size + this.leaving.size > 0
  }

  /** Whether somebody is to be told of its end: its clean-ups, or who listens to its signal. */
  get hasEnd(): boolean {
    return this.needsClosing || this.#controller !== undefined
  }

  /**
   * Runs the clean-ups, newest first, and with `waitForFactory` waits for a factory that is still at work, so that it
   * leaves nothing behind; all within bounds. Those that used its value come first, but for `others`, whose order is
   * settled.
   */
  async close(
    waitForFactory = false,
    others: ReadonlySet<Build> = new Set(),
  ): Promise<readonly SystemError[]> {
    for (const build of this.leaving) if (!others.has(build)) await build.#whenClosed()
    this.abort()
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop())
      await this.#clean(cleanup)
    if (waitForFactory && this.isRunning) await this.#clean(() => this.finished)
    await Promise.all(this.#late)
    this.#tellClosed()
    return this.#errors
  }

  /** Resolves when the factory has ended, and the clean-ups that came too late. */
  async rest(): Promise<void> {
    await this.finished
    while (this.#late.size > 0) await Promise.all(this.#late)
  }

  /** For one that has nothing to wait for. */
  closeAtOnce(): void {
    this.abort()
    this.#tellClosed()
  }

  #tellClosed(): void {
    for (const tell of this.#onClosed.splice(0)) tell()
  }

  #leave(dep: Build): void {
    dep.leaving.add(this)
    this.#onClosed.push(() => dep.leaving.delete(this))
  }

  /** Only for builds in `leaving`: these are not closed. */
  #whenClosed(): Promise<void> {
    return new Promise((resolve) => void this.#onClosed.push(resolve))
  }

  /**
   * Keeps the time of the wait out of the time of the factory. A factory that is given up waits no longer: what it
   * waits for may itself wait until this one is closed.
   */
  waitFor(promise: Promise<unknown>): Promise<unknown> {
    if (this.#waits.size === 0) this.#stopTimer()
    return new Promise((resolve, reject) => {
      const proceed = (): void => {
        this.#waits.delete(reject)
        if (this.#waits.size === 0) this.#startTimer()
      }
      this.#waits.add(reject)
      promise.then(proceed, proceed)
      promise.then(resolve, reject)
    })
  }

  /** Whether a part of the run state that the factory selected is another one now. */
  hasChangedSelection(state: unknown): boolean {
    return this.selections.some(({ selector, value }) => {
      try {
        return !isSame(selector(state as never), value)
      } catch {
        // What cannot be selected any more has changed; the factory will say why.
        return true
      }
    })
  }

  #context(attempt: number): FactoryContext {
    const { artifact } = this
    const deps: Dependencies = {
      require: <Value>(key: string, params?: unknown) =>
        artifact.home.request(key, params, this) as Promise<Value>,
      resolve: (key: string, params?: unknown) => toResult(artifact.home.request(key, params, this)) as never,
      select: (selector) => {
        const value = artifact.home.select(selector, artifact)
        if (this.isLive && this.isRunning) this.selections.push({ selector, value })
        return value
      },
    }
    const takeSignal = (): AbortSignal => this.signal
    return {
      key: artifact.template.key,
      params: artifact.params,
      attempt,
      get signal() {
        return takeSignal()
      },
      use: (callback) => callback(deps),
      onCleanup: (cleanup) => this.#addCleanup(cleanup),
      emit: (value) => this.#emit(value),
    }
  }

  #addCleanup(cleanup: () => unknown): void {
    if (this.isLive) {
      this.#cleanups.push(cleanup)
      this.artifact.home.hold(this.artifact)
      return
    }
    const done = this.#clean(cleanup).then(() => void this.#late.delete(done))
    this.#late.add(done)
    this.artifact.home.outlive(this)
  }

  async #clean(cleanup: () => unknown): Promise<void> {
    const { home, label } = this.artifact
    const error = await runCleanup(cleanup, label, home.clock, home.cleanupTimeoutMs)
    if (!error) return
    this.#errors.push(error)
    home.logger.error(error.message, error)
  }

  #emit(value: unknown): void {
    if (!this.isLive || this.#hasFailed) return
    const isFirst = this.#end !== undefined && !this.#hasEmitted
    this.#hasEmitted = true
    if (isFirst) this.#becomeReady(value)
    else this.artifact.replace(value)
    this.artifact.home.emit('stream:emit', this.artifact.facts)
  }

  #becomeReady(value: unknown): void {
    if (!this.#end) return
    this.artifact.accept(value, this)
    this.#settle({})
  }

  #fail(cause: unknown): void {
    if (!this.isLive) return
    const error = isContainerError(cause) ? cause : buildFailed(this.artifact, cause)
    if (this.#end) this.#settle({ error })
    else this.artifact.failLate(error)
  }

  /** Does nothing when the build has ended: handlers that `accept` calls may have given it up. */
  #settle(end: BuildEnd): void {
    this.#stopTimer()
    this.#hasFailed = end.error !== undefined
    this.#end?.(end)
    this.#end = undefined
  }

  #startTimer(): void {
    const { home, template } = this.artifact
    if (!this.#end || this.#leftMs === Infinity) return
    this.#startedAt = home.clock.now()
    this.#timer = home.clock.setTimeout(() => {
      const limit = toMs(template.timeout ?? DEFAULT_TIMEOUT)
      const reason = `its factory did not end within ${limit} ms`
      this.#settle({ error: serviceError('TIMEOUT', this.artifact, reason) })
    }, this.#leftMs)
  }

  #stopTimer(): void {
    if (this.#timer === undefined) return
    const { clock } = this.artifact.home
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#leftMs = Math.max(0, this.#leftMs - (clock.now() - this.#startedAt))
  }
}

export function toResult(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => ({ ok: true, value }),
    (error: unknown) => ({ ok: false, error }),
  )
}

/** The same value, or two plain objects or arrays with the same fields. */
function isSame(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true
  if (typeof left !== 'object' || typeof right !== 'object' || !left || !right) return false
  const prototype: unknown = Object.getPrototypeOf(left)
  if (prototype !== Object.getPrototypeOf(right)) return false
  if (prototype !== Array.prototype && prototype !== Object.prototype) return false
  const keys = Object.keys(left)
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => key in right && Object.is((left as Fields)[key], (right as Fields)[key]))
  )
}

type Fields = Record<string, unknown>
