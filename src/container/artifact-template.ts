import { type Duration, isDuration } from '../core/duration.js'
import type { Issue } from '../core/system-error.js'
import type { Dependencies, ServiceMap } from './dependencies.js'

/**
 * How long an instance lives, and who shares it.
 *
 * - `workflow`: one in the container that it is registered in. So one per workflow, and one altogether when it is
 *   registered globally.
 * - `run`: one per run, whichever container it is registered in. May select run state.
 * - `transient`: a new one at each look-up, which lives as long as who asked.
 */
export type ServiceScope = 'workflow' | 'run' | 'transient'

export const SERVICE_SCOPES: readonly ServiceScope[] = ['workflow', 'run', 'transient']

/** What a factory is given. Every member may be taken out by destructuring. */
export interface FactoryContext<
  Params = unknown,
  /** What it emits. */
  Value = unknown,
  Services extends ServiceMap = Record<string, unknown>,
> {
  readonly key: string
  /** What `require(key, params)` was called with; `undefined` without. */
  readonly params: Params
  /** Which attempt this is, from 1. */
  readonly attempt: number
  /** Fires when the instance is given up: its time is up, it was invalidated, or its container is disposed of. */
  readonly signal: AbortSignal
  /**
   * Asks for services and run state. What is asked for until the factory ends is a dependency: when it is given up, so
   * is this one. Afterwards `use` still answers, and records nothing.
   */
  readonly use: <Out>(callback: (deps: Dependencies<Services>) => Out) => Out
  /**
   * Has `cleanup` called when the instance is given up, newest first and after the services that were built from it.
   * When it has been given up already, at once.
   */
  readonly onCleanup: (cleanup: () => unknown) => void
  /**
   * Makes `value` the value of the service, for as long as the instance lives: the first makes it ready, each further
   * one reaches the observers and gives up what was built from the one before. A factory that emitted before it
   * returned is not asked for what it returns.
   */
  readonly emit: (value: Value) => void
}

/** How a service is built, and how it lives: what there is to say beside its key and its factory. */
export interface ServiceOptions {
  /** @default 'workflow' */
  readonly scope?: ServiceScope
  /**
   * How long one attempt may take before it fails with `TIMEOUT`. The time it waits for other services, which have
   * their own, does not count. `Infinity` lifts the bound. @default '30s'
   */
  readonly timeout?: Duration
  /** How often a factory that failed is called again, after the first attempt. At least 0. @default 0 */
  readonly retries?: number
  /** How long to wait before each retry. @default 0 */
  readonly retryDelay?: Duration
  /**
   * `false` builds it before it is asked for: when it is registered (when the run begins, with scope `run`), and again
   * whenever it was invalidated. Has no meaning for a `transient` service. @default true
   */
  readonly lazy?: boolean
  /**
   * How many instances with different `params` are kept at once, at least 1. One more gives up the one used least
   * recently that nothing was built from; where there is none, it is refused with `CAPACITY`. @default 1000
   */
  readonly maxInstances?: number
  /**
   * The keys that the factory is going to ask for. Optional: dependencies are found when they are asked for. Where
   * they are listed, a cycle is refused by `register` and a missing one by `ready`. @default none
   */
  readonly needs?: readonly string[]
}

/**
 * Builds a service. Returns it, or a promise of it, or emits it. The type of the service is the type of what is
 * returned; of one that only emits it is written down: `register<'price', number>({ … })`.
 */
export type ServiceFactory<
  Value = unknown,
  Params = never,
  Services extends ServiceMap = Record<string, unknown>,
> = (context: FactoryContext<Params, unknown, Services>) => Value | void | Promise<Value | void>

/** A service that can be registered in a container. */
export interface ArtifactTemplate<
  Key extends string = string,
  Value = unknown,
  Params = never,
  Services extends ServiceMap = Record<string, unknown>,
> extends ServiceOptions {
  /** Not empty. Unique in its container; one in a container further in takes precedence. */
  readonly key: Key
  readonly factory: ServiceFactory<Value, Params, Services>
}

/** Any template, whatever its factory takes. */
export type AnyTemplate = ArtifactTemplate<string, unknown, never>

/** Every fault of what should be a template, with paths below `at`. */
export function validateTemplate(template: unknown, at: string): Issue[] {
  if (typeof template !== 'object' || template === null) {
    return [{ path: at, message: 'must be an object with a factory' }]
  }
  const { key, factory, scope, timeout, retries, retryDelay, lazy, maxInstances, needs } =
    template as Partial<Record<keyof AnyTemplate, unknown>>
  const isCount = (value: unknown, least: number): boolean =>
    value === undefined || value === Infinity || (Number.isInteger(value) && (value as number) >= least)
  const checks: [keyof AnyTemplate, boolean, string][] = [
    ['key', typeof key === 'string' && key !== '', 'must be a string that is not empty'],
    ['factory', typeof factory === 'function', 'must be a function that builds the service'],
    [
      'scope',
      scope === undefined || SERVICE_SCOPES.includes(scope as ServiceScope),
      `must be one of ${SERVICE_SCOPES.join(', ')}`,
    ],
    ['timeout', timeout === undefined || isDuration(timeout), 'must be a duration'],
    ['retryDelay', retryDelay === undefined || isDuration(retryDelay), 'must be a duration'],
    ['retries', isCount(retries, 0), 'must be an integer of at least 0'],
    ['lazy', lazy === undefined || typeof lazy === 'boolean', 'must be true or false'],
    ['maxInstances', isCount(maxInstances, 1), 'must be an integer of at least 1'],
    [
      'needs',
      needs === undefined || (Array.isArray(needs) && needs.every((need) => typeof need === 'string')),
      'must be an array of keys',
    ],
  ]
  return checks
    .filter(([, isSound]) => !isSound)
    .map(([field, , message]) => ({ path: at === '' ? field : `${at}.${field}`, message }))
}
