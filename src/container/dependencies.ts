import type { Result } from '../core/result.js'

/** The services of a container by key: what makes look-ups checked by the compiler. */
export type ServiceMap = object

/** The keys that a map names one by one; none of a map that is open to every string. */
export type KnownKey<Services extends ServiceMap> = keyof {
  [
    Key in keyof Services as string extends Key
      ? never
      : number extends Key
        ? never
        : symbol extends Key
          ? never
          : Key
  ]: unknown
} &
  keyof Services &
  string

/** Any string, where the map is open; nothing, where it lists all there is. */
export type OpenKey<Services extends ServiceMap> = string extends keyof Services ? string : never

/**
 * What the callback of `use` is given, in steps and in factories: services by key, and parts of the run state.
 * `params` choose the instance of a service whose factory takes them: plain data, compared by value.
 */
export interface Dependencies<Services extends ServiceMap = Record<string, unknown>> {
  /** A service, or why there is none; never rejects. */
  resolve<Key extends KnownKey<Services>>(key: Key, params?: unknown): Promise<Result<Services[Key]>>
  resolve<Service>(key: OpenKey<Services>, params?: unknown): Promise<Result<Service>>
  /** A service. Rejects with a `SystemError` when there is none. */
  require<Key extends KnownKey<Services>>(key: Key, params?: unknown): Promise<Services[Key]>
  require<Service>(key: OpenKey<Services>, params?: unknown): Promise<Service>
  /**
   * A part of the run state. A service whose factory selected one is rebuilt when it changes: compared with
   * `Object.is`, and field by field where it is a plain object or an array.
   */
  select<Selection>(selector: (state: never) => Selection): Selection
}
