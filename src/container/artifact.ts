import type { Clock, TimerHandle } from '../core/clock.js'
import { toMs } from '../core/duration.js'
import type { Logger } from '../core/logger.js'
import type { Result } from '../core/result.js'
import type { SystemError } from '../core/system-error.js'
import type { AnyTemplate } from './artifact-template.js'
import { Build } from './build.js'
import type { ArtifactEvent, ContainerEvents } from './container-events.js'
import { serviceError } from './container-errors.js'
import { invalidate } from './invalidation.js'

/** What an artifact knows of the container it lives in. */
export interface ArtifactHome {
  readonly clock: Clock
  readonly logger: Logger
  readonly label: string
  readonly cleanupTimeoutMs: number
  readonly isDisposed: boolean
  emit<Type extends keyof ContainerEvents>(type: Type, event: ContainerEvents[Type]): void
  /** Looks a service up on behalf of a factory. */
  request(key: string, params: unknown, requester: Build): Promise<unknown>
  select<Selection>(selector: (state: never) => Selection, requester: Artifact): Selection
  /**
   * Keeps an artifact that has no place: a transient one while it is built, has something to clean up, or selects on
   * behalf of another; a displaced one as long as it has an instance.
   */
  hold(artifact: Artifact): void
  release(artifact: Artifact): void
  /** Remembers a build that was given up and has more to do than its closing waits for: disposal does. */
  outlive(build: Build): void
}

export type Observer<Value = unknown> = (value: Value) => void

/** How often a build is begun anew because it was invalidated before it was ready. */
const MAX_RESTARTS = 100

let builds = 0

/**
 * The place of one instance in its container. The place stays when the instance is given up, and holds at most one
 * instance at a time: a new one is begun only after the clean-up of the one before.
 *
 * - A1 However many ask at once, one build is under way, and all get what it makes.
 * - A2 A failure is not kept: who asks next has the factory called again.
 */
export class Artifact {
  readonly template: AnyTemplate
  readonly home: ArtifactHome
  readonly params: unknown
  /** The key, with the parameters if there are some. */
  readonly label: string
  /** Whether it lives no longer than one run. */
  readonly isRunBound: boolean
  readonly dependents = new Set<Artifact>()
  readonly observers = new Set<Observer>()

  /** The present value. Both promises are made once per value, so that asking for what is there allocates nothing. */
  value: unknown
  ready: Promise<unknown> | undefined
  outcome: Promise<Result<unknown>> | undefined
  /** The build under way, or the one that made the present value. */
  build: Build | undefined
  /** Set while somebody waits: through retries, and through builds begun anew. */
  pending: Promise<unknown> | undefined
  /** Who asked first for what is pending. */
  requestedBy: Artifact | undefined
  /** The clean-up of the instance before. */
  closing: Promise<void> | undefined
  /** Whether another template has taken its key, so that nobody finds it any more. */
  isDisplaced = false

  #startedAt = 0
  #wake: (() => void) | undefined
  /** A transient that is given up is so with who asked for it, who asks for another one if need be. */
  #isAbandoned = false

  constructor(
    template: AnyTemplate,
    home: ArtifactHome,
    params: unknown,
    paramsKey: string,
    isRunBound: boolean,
  ) {
    this.template = template
    this.home = home
    this.params = params
    this.label = paramsKey === '' ? template.key : `${template.key}(${paramsKey})`
    this.isRunBound = isRunBound
  }

  get isTransient(): boolean {
    return this.template.scope === 'transient'
  }

  get facts(): ArtifactEvent {
    const { template, params, home } = this
    return { key: template.key, container: home.label, ...(params === undefined ? {} : { params }) }
  }

  /** The instance, built if need be. */
  obtain(requestedBy?: Artifact): Promise<unknown> {
    if (this.ready) return this.ready
    if (!this.pending) {
      this.requestedBy = requestedBy
      this.pending = this.#construct()
      // Whoever waits gets the rejection; without anybody, events and logger have told it.
      this.pending.catch(() => {})
    }
    return this.pending
  }

  /** Takes the first value of a build. */
  accept(value: unknown, build: Build): void {
    build.order = builds++
    this.#set(value)
    const durationMs = this.home.clock.now() - this.#startedAt
    this.home.emit('build:complete', { durationMs, ...this.facts })
    this.#notify(value)
  }

  /** Takes a further value of the same build. */
  replace(value: unknown): void {
    this.#set(value)
    void invalidate([...this.dependents], 'dependency')
    this.#notify(value)
  }

  /** The factory failed after it had emitted: there is no instance any more. */
  failLate(error: SystemError): void {
    this.#report(error, false)
    // Not rebuilt at once, even if it is observed: it could fail the same way, forever.
    void invalidate([this], 'failure', { rebuild: false })
  }

  /** Gives the instance up, or the build under way, and returns what is left to close. */
  giveUp(): Build | undefined {
    const { build } = this
    if (this.isTransient && this.requestedBy) this.#isAbandoned = true
    this.value = this.ready = this.outcome = this.build = undefined
    this.#wake?.()
    build?.giveUp()
    return build
  }

  /** Lets no new build begin before `closing` has settled. */
  closeAfter(closing: Promise<unknown>): void {
    // Of an instance before perhaps: a clean-up under way is not forgotten for another.
    const done: Promise<void> = Promise.all([this.closing, closing]).then(() => {
      if (this.closing === done) this.closing = undefined
    })
    this.closing = done
  }

  /** Forgets what it was built from: for a transient that is in nobody's keeping, which is never built again. */
  detach(): void {
    for (const dep of this.build?.deps ?? []) dep.dependents.delete(this)
  }

  async #construct(): Promise<unknown> {
    const { retries = 0, retryDelay = 0 } = this.template
    try {
      for (let attempt = 1, restarts = 0; ; attempt++) {
        do await this.closing
        while (this.closing)
        this.#assertOpen()
        this.home.hold(this)
        const build = new Build(this)
        this.build = build
        this.#startedAt = this.home.clock.now()
        this.home.emit('build:start', { attempt, ...this.facts })
        const { error } = await build.run(attempt)
        if (build.isLive && !error) return this.value
        this.#assertOpen()
        if (!build.isLive) {
          attempt = 0
          if (++restarts > MAX_RESTARTS) throw this.#restartedTooOften()
          continue
        }
        const willRetry = attempt <= retries && mayRetry(error)
        this.#report(error!, willRetry)
        build.giveUp()
        this.build = undefined
        this.closeAfter(build.close().then(() => this.home.release(this)))
        if (!willRetry) throw error
        await this.#sleep(toMs(retryDelay))
      }
    } finally {
      this.pending = this.requestedBy = undefined
      if (!this.#mustBeKept()) this.home.release(this)
    }
  }

  #mustBeKept(): boolean {
    const { build, closing, dependents, isDisplaced } = this
    return (
      !!closing ||
      (isDisplaced && !!build) ||
      !!build?.hasEnd ||
      (!!build?.selections.length && dependents.size > 0)
    )
  }

  #set(value: unknown): void {
    this.value = value
    this.ready = Promise.resolve(value)
    this.outcome = Promise.resolve({ ok: true, value })
  }

  #notify(value: unknown): void {
    for (const observer of [...this.observers]) {
      try {
        observer(value)
      } catch (error) {
        this.home.logger.error(`An observer of service "${this.label}" threw`, error)
      }
    }
  }

  #report(error: SystemError, willRetry: boolean): void {
    this.home.emit('build:error', { error, willRetry, ...this.facts })
  }

  #sleep(ms: number): Promise<void> | undefined {
    if (ms === 0) return undefined
    const { clock } = this.home
    return new Promise((resolve) => {
      const timer: TimerHandle = clock.setTimeout(() => this.#wake?.(), ms)
      this.#wake = () => {
        this.#wake = undefined
        clock.clearTimeout(timer)
        resolve()
      }
    })
  }

  #assertOpen(): void {
    if (this.home.isDisposed) throw serviceError('ABORTED', this, `${this.home.label} was disposed of`)
    if (this.#isAbandoned) throw serviceError('ABORTED', this, 'what asked for it was given up')
  }

  #restartedTooOften(): SystemError {
    const reason = `it was invalidated ${MAX_RESTARTS} times before it was ready: what it depends on changes faster`
    return serviceError('LOOP_LIMIT', this, reason)
  }
}

/** Definitions do not become right by being tried again, and a fault may say of itself that it is final. */
function mayRetry(error: SystemError | undefined): boolean {
  if (error?.code === 'NOT_FOUND' || error?.code === 'VALIDATION') return false
  try {
    return (error?.cause as { retryable?: unknown } | null | undefined)?.retryable !== false
  } catch {
    return true
  }
}
