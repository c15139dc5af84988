import mitt from 'mitt'
import { type Clock, systemClock } from '../core/clock.js'
import { type Duration, toMs } from '../core/duration.js'
import type { Logger } from '../core/logger.js'
import type { Result } from '../core/result.js'
import { SystemError } from '../core/system-error.js'
import type { Observer } from './artifact.js'
import { type AnyTemplate, type ArtifactTemplate } from './artifact-template.js'
import { toResult } from './build.js'
import { type ContainerInfo, describeScope } from './container-info.js'
import { containerError } from './container-errors.js'
import type { AnyContainerEventHandler, ContainerEvents } from './container-events.js'
import { ContainerScope, type EmittedEvents, type StateSource } from './container-scope.js'
import type { Dependencies, KnownKey, OpenKey, ServiceMap } from './dependencies.js'
import { buildEager, eagerTemplates, isEager, eagerRunTemplates } from './eager-services.js'
import { invalidate } from './invalidation.js'
import { paramsKey } from './params-key.js'
import { RESERVED_KEYS, addTemplates, findUnmetNeed } from './registration.js'

export interface ContainerOptions {
  /** What messages and events call it. @default 'global' */
  readonly name?: string
  /** @default the host's */
  readonly clock?: Clock
  /** Told of clean-ups, observers and handlers that fail, and of eager services that cannot be built. @default console */
  readonly logger?: Logger
  /**
   * How long disposal waits for each clean-up function, and for a factory that does not heed its signal, before it
   * goes on without. @default '5s'
   */
  readonly cleanupTimeout?: Duration
  /** What `select` reads. @default none: `select` is refused */
  readonly state?: StateSource
}

/** What a factory for `Key` may make: anything, unless the container lists the type. */
type Registrable<Services extends ServiceMap, Key extends string> = Key extends keyof Services
  ? Services[Key]
  : unknown

/** What a container inside another may have of its own. */
export type ChildContainerOptions = Pick<ContainerOptions, 'name' | 'state'>

/** The templates of a container, without instances: what another container can be made from. */
export interface ExportedContainer<Services extends ServiceMap = Record<string, unknown>> {
  readonly templates: readonly AnyTemplate[]
  /** Never there: carries the type. */
  readonly services?: Services
}

/**
 * Services by key: built when they are first asked for, shared, given up when what they were built from changes, and
 * cleaned up in reverse order. Containers nest: a look-up goes outwards, from run to workflow to global.
 *
 * - K1 Nothing is built from what ends before it.
 * - K2 Asking never throws and never hangs: the promise rejects, a cycle is found, a factory has a timeout.
 * - K3 What was built is cleaned up once, whatever else fails, before `dispose()` resolves.
 *
 * `Services` lists the services by key and grows with each `register`, so that `require('db')` has the type of what
 * the factory returns. `new ArtifactContainer<{ db: Database }>()` lists all there are: another key does not compile.
 */
export class ArtifactContainer<Services extends ServiceMap = Record<string, unknown>> {
  readonly #scope: ContainerScope
  #deps: Dependencies<Services> | undefined

  /** @throws {SystemError} `VALIDATION` when `cleanupTimeout` is not a duration. */
  constructor(options: ContainerOptions = {}, scope?: ContainerScope) {
    this.#scope =
      scope ??
      new ContainerScope({
        label: `container "${options.name ?? 'global'}"`,
        level: undefined,
        parent: undefined,
        state: options.state,
        clock: options.clock ?? systemClock,
        logger: options.logger ?? console,
        cleanupTimeoutMs: toMs(options.cleanupTimeout ?? '5s'),
      })
  }

  /** A container of its own with the templates of another. */
  static from<Services extends ServiceMap>(
    exported: ExportedContainer<Services>,
    options?: ContainerOptions,
  ): ArtifactContainer<Services> {
    return new ArtifactContainer<Services>(options).register(exported.templates)
  }

  /**
   * Adds a template, or several: all, or none when one of them is refused. Eager ones are built in the next turn.
   *
   * @throws {SystemError} `VALIDATION` when a template is malformed, or lists `needs` that close a cycle.
   * @throws {SystemError} `DUPLICATE_KEY` when the container has a service of that key, or the key is reserved.
   * @throws {SystemError} `UNAVAILABLE` when the container was disposed of.
   */
  register(templates: readonly AnyTemplate[]): this
  register<Key extends string, Value extends Registrable<Services, Key>, Params = never>(
    template: ArtifactTemplate<Key, Value, Params, Services & Record<string, unknown>>,
  ): ArtifactContainer<Services & Record<Key, Value>>
  // For factories whose parameter is annotated: its `use` knows no keys.
  register<Key extends string, Value extends Registrable<Services, Key>, Params = never>(
    template: ArtifactTemplate<Key, Value, Params>,
  ): ArtifactContainer<Services & Record<Key, Value>>
  register(templates: object): unknown {
    const added = addTemplates(
      this.#scope,
      (Array.isArray(templates) ? templates : [templates]) as AnyTemplate[],
    )
    buildEager(this.#scope, added.filter(isEager))
    return this
  }

  /** A service, or why there is none. Never rejects. */
  resolve<Key extends KnownKey<Services>>(key: Key, params?: unknown): Promise<Result<Services[Key]>>
  resolve<Service>(key: OpenKey<Services>, params?: unknown): Promise<Result<Service>>
  resolve(key: string, params?: unknown): Promise<unknown> {
    const known = params === undefined ? this.#scope.index.get(key) : undefined
    return known?.outcome ?? toResult(this.#obtain(key, params))
  }

  /**
   * A service. Rejects with a `SystemError`: `NOT_FOUND`, `EXECUTION_FAILED` with what the factory threw as its cause,
   * `TIMEOUT`, `VALIDATION` for a cycle or a service that would outlive what it is built from, `CAPACITY`,
   * `LOOP_LIMIT`, `ABORTED` when the container is disposed of meanwhile, `UNAVAILABLE` when it was before.
   */
  require<Key extends KnownKey<Services>>(key: Key, params?: unknown): Promise<Services[Key]>
  require<Service>(key: OpenKey<Services>, params?: unknown): Promise<Service>
  require(key: string, params?: unknown): Promise<unknown> {
    const known = params === undefined ? this.#scope.index.get(key) : undefined
    return known?.ready ?? this.#obtain(key, params)
  }

  /** A service if it is built, at once and without building it. */
  peek<Key extends KnownKey<Services>>(key: Key, params?: unknown): Services[Key] | undefined
  peek<Service>(key: OpenKey<Services>, params?: unknown): Service | undefined
  peek(key: string, params?: unknown): unknown {
    const scope = this.#scope
    const owner = scope.ownerOf(key)
    const template = owner?.templates.get(key)
    if (!owner || !template) return undefined
    const family = scope.homeOf(template, owner).places.get(key)
    return family?.get(params === undefined ? '' : paramsKey(params))?.value
  }

  /** Calls `callback` with what gives access to services: what steps and factories get, and what tests can pass on. */
  use<Out>(callback: (deps: Dependencies<Services>) => Out): Out {
    this.#deps ??= {
      require: (key: string, params?: unknown) => this.require(key as never, params),
      resolve: (key: string, params?: unknown) => this.resolve(key as never, params),
      select: (selector) => this.#scope.select(selector),
    } as Dependencies<Services>
    return callback(this.#deps)
  }

  /**
   * Gives up the instance of a service, and everything that was built from it: at once, so that who asks next gets a
   * new one. Resolves when they are cleaned up, and those that are eager or watched are built again. Without `params`,
   * all instances; asked of a workflow, those of all its runs.
   *
   * Rejects with `NOT_FOUND` when there is no such service.
   */
  async invalidate(key: KnownKey<Services> | OpenKey<Services>, params?: unknown): Promise<void> {
    const scope = this.#scope
    const owner = scope.ownerOf(key)
    const template = owner?.templates.get(key)
    if (!owner || !template) throw notRegistered('invalidate', key, scope)
    const hash = params === undefined ? undefined : paramsKey(params)
    const scopes = new Set([scope.isInRun ? scope.homeOf(template, owner) : owner])
    const roots = []
    for (const each of scopes) {
      for (const [place, artifact] of each.places.get(key) ?? []) {
        if (artifact.template === template && (hash === undefined || place === hash)) roots.push(artifact)
      }
      if (!each.isInRun) for (const child of each.children) scopes.add(child)
    }
    await invalidate(roots, 'request')
  }

  /**
   * Calls `observer` with each value that the service has from now on: built, built again, or emitted. The value it
   * has already is what `peek` returns. A watched service is built again at once when it was invalidated.
   *
   * @returns what ends the watch
   * @throws {SystemError} `NOT_FOUND` when there is no such service, `INVALID_COMMAND` when it is transient.
   */
  watch<Key extends KnownKey<Services>>(
    key: Key,
    observer: Observer<Services[Key]>,
    params?: unknown,
  ): () => void
  watch<Service>(key: OpenKey<Services>, observer: Observer<Service>, params?: unknown): () => void
  watch(key: string, observer: Observer<never>, params?: unknown): () => void {
    const artifact = this.#scope.find(key, params)
    if (artifact.isTransient) {
      throw new SystemError(
        'INVALID_COMMAND',
        `Cannot watch service "${key}": each look-up makes another one`,
      )
    }
    const listener: Observer = (value) => observer(value as never)
    artifact.observers.add(listener)
    return () => void artifact.observers.delete(listener)
  }

  /**
   * Calls `handler` with each event of the type, of this container and of those inside; with each event at all for
   * `'*'`. What it throws is logged. Returns what ends the subscription.
   */
  on(type: '*', handler: AnyContainerEventHandler): () => void
  on<Type extends keyof ContainerEvents>(
    type: Type,
    handler: (event: ContainerEvents[Type]) => void,
  ): () => void
  on(type: keyof ContainerEvents | '*', handler: (...args: never[]) => void): () => void {
    const scope = this.#scope
    const emitter = (scope.emitter ??= mitt<EmittedEvents>())
    const listener = (...args: unknown[]): void => {
      try {
        handler(...(args as never[]))
      } catch (error) {
        scope.logger.error(`A handler of "${type}" of ${scope.label} threw`, error)
      }
    }
    emitter.on(type as 'build:start', listener)
    return () => emitter.off(type as 'build:start', listener)
  }

  /**
   * A container inside this one: it shares what this one has, and ends with it at the latest. Templates that are
   * registered in it are its own, and come first for who asks in it; what lives further out keeps what it has.
   */
  extend<Added extends ServiceMap = Services>(
    templates: readonly AnyTemplate[] = [],
    options: ChildContainerOptions = {},
  ): ArtifactContainer<Added> {
    return this.#inside(undefined, options).register(templates) as unknown as ArtifactContainer<Added>
  }

  /**
   * A container inside this one that stands for one workflow, or for one run: services of the scope `run` live in it.
   * `state` is what they select from; call `stateChanged()` whenever it was replaced.
   */
  scope(level: 'workflow' | 'run', options: ChildContainerOptions = {}): ArtifactContainer<Services> {
    const child = this.#inside(level, options)
    if (level === 'run') buildEager(child.#scope, eagerRunTemplates(child.#scope))
    return child
  }

  /** Gives up the services whose selection of the run state is another one now. Resolves like `invalidate`. */
  stateChanged(): Promise<void> {
    return this.#scope.stateChanged()
  }

  /**
   * Resolves when the eager services of this container are built. Rejects with the first fault of one of them, and
   * with `NOT_FOUND` when a template lists a key in `needs` that is not registered.
   */
  async ready(): Promise<void> {
    const unmet = findUnmetNeed(this.#scope)
    if (unmet) throw unmet
    await Promise.all(eagerTemplates(this.#scope).map(({ key }) => this.#obtain(key, undefined)))
  }

  /**
   * For the runtime: a value under any key, the reserved ones included. It is there at once, and is neither exported
   * nor cleaned up. The same key again replaces it.
   */
  provide(key: string, value: unknown): void {
    const scope = this.#scope
    if (!scope.templates.has(key)) scope.add({ key, factory: () => value })
    scope.find(key, undefined).replace(value)
  }

  /** The templates that can be used here, those of the containers further out included; not their instances. */
  export(): ExportedContainer<Services> {
    const templates = new Map<string, AnyTemplate>()
    for (let each: ContainerScope | undefined = this.#scope; each; each = each.parent) {
      for (const [key, template] of each.templates) {
        if (!templates.has(key) && !RESERVED_KEYS.includes(key)) templates.set(key, template)
      }
    }
    return { templates: [...templates.values()] }
  }

  /** What is registered and built, here and in the containers inside; plain data, for people and tests. */
  debugInfo(): ContainerInfo {
    return describeScope(this.#scope)
  }

  /**
   * Ends the container and those inside. From now on it refuses; builds under way are given up, with `ABORTED` for
   * who waits. Resolves when everything is cleaned up, in the reverse order of creation and each within
   * `cleanupTimeout`; what fails is logged, and told by `artifact:disposed`. Never rejects. The same promise, if
   * called again.
   */
  dispose(): Promise<void> {
    return this.#scope.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  #obtain(key: string, params: unknown): Promise<unknown> {
    try {
      return this.#scope.obtain(this.#scope.find(key, params))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #inside(
    level: 'workflow' | 'run' | undefined,
    options: ChildContainerOptions,
  ): ArtifactContainer<Services> {
    const parent = this.#scope
    if (parent.isDisposed) {
      throw new SystemError('UNAVAILABLE', `Cannot open a container in ${parent.label}: it was disposed of`)
    }
    const name = options.name ?? level
    const label = name === undefined ? parent.label : `${level ?? 'container'} "${name}"`
    const { clock, logger, cleanupTimeoutMs } = parent
    const state = options.state ?? parent.state
    const scope = new ContainerScope({ label, level, parent, state, clock, logger, cleanupTimeoutMs })
    return new ArtifactContainer<Services>({}, scope)
  }
}

function notRegistered(verb: string, key: string, scope: ContainerScope): SystemError {
  return containerError(
    'NOT_FOUND',
    `Cannot ${verb} service "${key}": it is not registered in ${scope.label}`,
    [key],
  )
}
