import type { Emitter } from 'mitt'
import type { Clock } from '../core/clock.js'
import type { Logger } from '../core/logger.js'
import { SystemError } from '../core/system-error.js'
import { Artifact, type ArtifactHome } from './artifact.js'
import type { AnyTemplate } from './artifact-template.js'
import type { Build } from './build.js'
import { containerError, givenUp, requestPath } from './container-errors.js'
import type { ContainerEvents } from './container-events.js'
import { findCycle } from './dependency-cycle.js'
import { closeInOrder, invalidate } from './invalidation.js'
import { paramsKey } from './params-key.js'

/** Where `select` reads: the run. */
export interface StateSource {
  getState(): unknown
}

/** The map as mitt takes it, which asks for a type alias. */
export type EmittedEvents = { [Type in keyof ContainerEvents]: ContainerEvents[Type] }

/** What a scope is made of. */
export interface ScopeSettings {
  readonly label: string
  readonly level: 'workflow' | 'run' | undefined
  readonly parent: ContainerScope | undefined
  readonly state: StateSource | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly cleanupTimeoutMs: number
}

const DEFAULT_MAX_INSTANCES = 1000

/**
 * One container from the inside: its templates, the instances that live in it, and the way outwards.
 *
 * - L1 The look-ups of a factory start where its instance lives. So nothing is built from what ends before it.
 * - L2 `index` holds only what a look-up without params would find.
 */
export class ContainerScope implements ArtifactHome {
  readonly label: string
  readonly clock: Clock
  readonly logger: Logger
  readonly cleanupTimeoutMs: number
  readonly parent: ContainerScope | undefined
  readonly state: StateSource | undefined
  readonly isInRun: boolean
  readonly children = new Set<ContainerScope>()
  readonly templates = new Map<string, AnyTemplate>()
  /** The instances that live here, by key and then by params, the one used least recently first. */
  readonly places = new Map<string, Map<string, Artifact>>()
  /** What a key means here, wherever it lives: the short way to what is built. */
  readonly index = new Map<string, Artifact>()
  emitter: Emitter<EmittedEvents> | undefined
  isDisposed = false
  /** Those registered here that are built when a run begins. */
  readonly eagerRunTemplates: AnyTemplate[] = []
  readonly isRun: boolean

  /** Instances that are in no place: transient ones, those being evicted, those whose template was shadowed. */
  readonly #held = new Set<Artifact>()
  /** Clean-ups of instances that made room for others, by label. */
  readonly #evicted = new Map<string, Promise<void>>()
  /** Builds that were given up and have more to do, and since when; the latest last. */
  readonly #outlived = new Map<Build, number>()
  #disposal: Promise<void> | undefined

  constructor(settings: ScopeSettings) {
    const { parent, level } = settings
    this.label = settings.label
    this.clock = settings.clock
    this.logger = settings.logger
    this.cleanupTimeoutMs = settings.cleanupTimeoutMs
    this.state = settings.state
    this.parent = parent
    this.isRun = level === 'run'
    this.isInRun = this.isRun || parent?.isInRun === true
    parent?.children.add(this)
  }

  /** Adds a template that was checked. It takes precedence here and in the containers inside. */
  add(template: AnyTemplate): void {
    this.templates.set(template.key, template)
    this.#forget(template.key)
    if (template.lazy === false && template.scope === 'run') this.eagerRunTemplates.push(template)
  }

  /** The container, here or outwards, in which a key is registered. */
  ownerOf(key: string): ContainerScope | undefined {
    let owner: ContainerScope | undefined = this.#self()
    while (owner && !owner.templates.has(key)) owner = owner.parent
    return owner
  }

  /** The place of the instance that `key` and `params` mean, here or for the instance that asks. */
  find(key: string, params: unknown, requester?: Artifact): Artifact {
    if (this.isDisposed) throw unavailable(key, this)
    const owner = this.ownerOf(key)
    const template = owner?.templates.get(key)
    if (!owner || !template) throw this.#notFound(key, requester)
    const hash = params === undefined ? '' : paramsKey(params)
    if (template.scope === 'transient') {
      return new Artifact(template, this, params, hash, requester ? requester.isRunBound : true)
    }
    const artifact = this.homeOf(template, owner).#place(template, params, hash)
    if (hash === '') this.index.set(key, artifact)
    return artifact
  }

  /** Where the instance of a template lives that is looked up here. Outside of any run, here stands for one. */
  homeOf(template: AnyTemplate, owner: ContainerScope): ContainerScope {
    if (template.scope !== 'run' || owner.isInRun) return owner
    for (let each = this.#self(); each && each !== owner; each = each.parent) {
      if (each.isRun) return each
    }
    return this
  }

  obtain(artifact: Artifact): Promise<unknown> {
    const obtained = artifact.obtain()
    // Nobody keeps it: what it was built from must not remember it.
    return artifact.isTransient ? obtained.finally(() => artifact.detach()) : obtained
  }

  request(key: string, params: unknown, requester: Build): Promise<unknown> {
    try {
      const from = requester.artifact
      if (requester.isRunning && !requester.isLive) throw givenUp(from)
      const known = params === undefined ? this.index.get(key) : undefined
      const target = known ?? this.find(key, params, from)
      if (target.isRunBound && !from.isRunBound) throw captive(from, target.label, 'its run')
      if (!requester.isRunning) return this.obtain(target)
      if (!target.ready) {
        const cycle = findCycle(from, target)
        if (cycle) throw cyclic(cycle)
      }
      requester.deps.add(target)
      target.dependents.add(from)
      return target.ready ?? requester.waitFor(target.obtain(from))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  select<Selection>(selector: (state: never) => Selection, requester?: Artifact): Selection {
    if (requester && !requester.isRunBound) throw captive(requester, 'the run state', 'its run')
    if (this.state) return selector(this.state.getState() as never)
    throw new SystemError('INVALID_COMMAND', `Cannot select in ${this.label}: there is no run state`)
  }

  hold(artifact: Artifact): void {
    if (artifact.isTransient || artifact.isDisplaced) this.#held.add(artifact)
  }

  release(artifact: Artifact): void {
    this.#held.delete(artifact)
  }

  outlive(build: Build): void {
    if (this.isDisposed) return
    const now = this.clock.now()
    // A factory that never ends is remembered as long as disposal would wait for it.
    for (const [each, since] of this.#outlived) {
      if (now - since < this.cleanupTimeoutMs) break
      this.#outlived.delete(each)
    }
    this.#outlived.delete(build)
    this.#outlived.set(build, now)
    void build.rest().then(() => this.#outlived.delete(build))
  }

  emit<Type extends keyof ContainerEvents>(type: Type, event: ContainerEvents[Type]): void {
    let scope: ContainerScope | undefined = this.#self()
    for (; scope; scope = scope.parent) scope.emitter?.emit(type, event)
  }

  /** Every instance that lives here, or could. */
  *artifacts(): Generator<Artifact> {
    for (const family of this.places.values()) yield* family.values()
    yield* this.#held
  }

  stateChanged(): Promise<void> {
    const state = this.state?.getState()
    const changed: Artifact[] = []
    const scopes = new Set<ContainerScope>([this])
    for (const scope of scopes) {
      for (const artifact of scope.artifacts()) {
        // A transient that was handed out belongs to who asked for it.
        const isKept = !artifact.isTransient || artifact.dependents.size > 0
        if (isKept && artifact.build?.hasChangedSelection(state)) changed.push(artifact)
      }
      for (const child of scope.children) if (child.state === this.state) scopes.add(child)
    }
    return invalidate(changed, 'state')
  }

  dispose(): Promise<void> {
    return (this.#disposal ??= this.#dispose())
  }

  async #dispose(): Promise<void> {
    this.isDisposed = true
    const children = Promise.all([...this.children].map((child) => child.dispose()))
    const artifacts = [...this.artifacts()]
    const outlived = [...this.#outlived.keys()]
    const builds = artifacts.flatMap((artifact) => artifact.giveUp() ?? [])
    this.index.clear()
    this.places.clear()
    const closings = artifacts.map((artifact) => artifact.closing)
    await Promise.all([children, ...closings, ...this.#evicted.values()])
    await Promise.all([closeInOrder(builds, true), ...outlived.map((build) => build.close(true))])
    this.parent?.children.delete(this)
    this.emit('container:dispose', { container: this.label })
    this.emitter = undefined
  }

  #place(template: AnyTemplate, params: unknown, hash: string): Artifact {
    let family = this.places.get(template.key)
    if (!family) this.places.set(template.key, (family = new Map<string, Artifact>()))
    let artifact = family.get(hash)
    if (!artifact) {
      if (hash !== '') this.#makeRoom(family, template)
      artifact = new Artifact(template, this, params, hash, this.isInRun || template.scope === 'run')
      const closing = this.#evicted.get(artifact.label)
      if (closing) artifact.closeAfter(closing)
    } else if (hash !== '') family.delete(hash)
    family.set(hash, artifact)
    return artifact
  }

  #makeRoom(family: Map<string, Artifact>, template: AnyTemplate): void {
    const max = template.maxInstances ?? DEFAULT_MAX_INSTANCES
    if (family.size < max) return
    for (const [hash, artifact] of family) {
      if (artifact.pending || artifact.dependents.size > 0 || artifact.observers.size > 0) continue
      family.delete(hash)
      if (hash === '') this.#leaveIndex(template.key)
      void invalidate([artifact], 'eviction', { rebuild: false })
      if (artifact.closing) this.#awaitEviction(artifact.label, artifact.closing)
      return
    }
    const message = `Cannot build another instance of service "${template.key}": all ${max} that "maxInstances" allows are in use`
    throw containerError('CAPACITY', message, [template.key])
  }

  /** The place of the instance is gone, and may be made anew before the clean-up is over. */
  #awaitEviction(label: string, closing: Promise<void>): void {
    this.#evicted.set(label, closing)
    void closing.then(() => {
      if (this.#evicted.get(label) === closing) this.#evicted.delete(label)
    })
  }

  #forget(key: string): void {
    this.#leaveIndex(key)
    for (const scope of this.#withInner()) {
      const present = scope.ownerOf(key)?.templates.get(key)
      const family = scope.places.get(key)
      for (const [hash, artifact] of family ?? []) {
        if (artifact.template === present) continue
        // Built from a template further out: in use perhaps, and cleaned up with the container.
        artifact.isDisplaced = true
        scope.#held.add(artifact)
        family!.delete(hash)
      }
      if (family?.size === 0) scope.places.delete(key)
    }
  }

  #leaveIndex(key: string): void {
    for (const scope of this.#withInner()) scope.index.delete(key)
  }

  /** This one and all inside. */
  #withInner(): Set<ContainerScope> {
    const scopes = new Set<ContainerScope>([this])
    for (const scope of scopes) for (const child of scope.children) scopes.add(child)
    return scopes
  }

  #notFound(key: string, requester?: Artifact): SystemError {
    const inner = requester && innerOwner(this, key)
    if (inner) return captive(requester, key, inner.label)
    const path = requester ? [...requestPath(requester), key] : [key]
    const via = requester ? ` (${path.join(' -> ')})` : ''
    const message = `Cannot find service "${key}"${via}: it is not registered in ${this.label}`
    return containerError('NOT_FOUND', message, path)
  }

  #self(): ContainerScope | undefined {
    return this
  }
}

function innerOwner(outer: ContainerScope, key: string): ContainerScope | undefined {
  const scopes = new Set(outer.children)
  for (const scope of scopes) {
    if (scope.templates.has(key)) return scope
    for (const child of scope.children) scopes.add(child)
  }
  return undefined
}

export function unavailable(key: string, scope: ContainerScope): SystemError {
  return containerError('UNAVAILABLE', `Cannot use service "${key}": ${scope.label} was disposed of`, [key])
}

export function cyclic(path: readonly string[]): SystemError {
  const message = `Cannot build service "${path[0]}": it depends on itself (${path.join(' -> ')})`
  return containerError('VALIDATION', message, path)
}

function captive(from: Artifact, what: string, end: string): SystemError {
  const path = [...requestPath(from), what]
  const message = `Cannot give "${what}" to service "${from.label}" (${path.join(' -> ')}): it ends with ${end}, and "${from.label}" does not`
  return containerError('VALIDATION', message, path)
}
