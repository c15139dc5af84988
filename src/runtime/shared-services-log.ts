import type { ArtifactContainer } from '../container/artifact-container.js'
import type { Dependencies } from '../container/dependencies.js'
import type { Result } from '../core/result.js'
import { serializeError } from '../core/system-error.js'
import type { RecordFunction } from '../pipeline/run-host.js'

/**
 * Tells the timeline of a run which services from outside of it, of its workflow or of the runtime, its steps asked for:
 * each key once, when the first look-up is answered, and whether it was built for that. What lives in the run tells of
 * itself. Made only where something is recorded.
 */
export class SharedServicesLog {
  readonly #record: RecordFunction
  /** Keys of the run's own services, and those told of. */
  readonly #known = new Set<string>()

  constructor(record: RecordFunction) {
    this.#record = record
  }

  /** A service of that key was built in the run itself. */
  belongsToRun(key: string): void {
    this.#known.add(key)
  }

  /** What steps are given: the same look-ups, listened to. */
  watch(deps: Dependencies, container: ArtifactContainer): Dependencies {
    return {
      require: (key: string, params?: unknown) => {
        const isBuilt = this.#isBuilt(container, key, params)
        const found = deps.require(key, params)
        if (isBuilt !== undefined) {
          found.then(
            () => this.#tell(key, isBuilt),
            (error: unknown) => this.#tell(key, isBuilt, error),
          )
        }
        return found
      },
      resolve: (key: string, params?: unknown) => {
        const isBuilt = this.#isBuilt(container, key, params)
        const outcome: Promise<Result<unknown>> = deps.resolve(key, params)
        if (isBuilt !== undefined) {
          void outcome.then((result) => this.#tell(key, isBuilt, result.ok ? undefined : result.error))
        }
        return outcome
      },
      select: (selector) => deps.select(selector),
    } as Dependencies
  }

  /** `undefined` when there is nothing to tell of the key. */
  #isBuilt(container: ArtifactContainer, key: string, params: unknown): boolean | undefined {
    if (this.#known.has(key) || key.startsWith('__')) return undefined
    try {
      return container.peek(key, params) !== undefined
    } catch {
      // Parameters that are no data: the look-up says so.
      return undefined
    }
  }

  #tell(key: string, wasBuilt: boolean, error?: unknown): void {
    if (this.#known.has(key)) return
    this.#known.add(key)
    this.#record('container', 'service:shared', {
      key,
      built: !wasBuilt && error === undefined,
      ...(error === undefined ? {} : { error: serializeError(error) }),
    })
  }
}
