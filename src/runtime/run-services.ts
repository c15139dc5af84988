import type { ArtifactContainer } from '../container/artifact-container.js'
import type { Dependencies } from '../container/dependencies.js'
import type { RecordFunction } from '../pipeline/run-host.js'
import { SharedServicesLog } from './shared-services-log.js'
import type { PauseService } from './waiting/pause-service.js'

/**
 * The services of one run, opened when the first step asks for one: most runs never do, and then it costs nothing.
 * Pipelines inside the run share them, each with a `__pause_service__` of its own.
 */
export class RunServices {
  readonly #open: () => ArtifactContainer
  readonly #pauseService: (path: string) => PauseService
  readonly #record: RecordFunction | undefined
  #own: ArtifactContainer | undefined
  readonly #byPath = new Map<string, ArtifactContainer>()
  #log: SharedServicesLog | undefined

  /** @param record Takes what happens to the services of the run. */
  constructor(
    open: () => ArtifactContainer,
    pauseService: (path: string) => PauseService,
    record: RecordFunction | undefined,
  ) {
    this.#open = open
    this.#pauseService = pauseService
    this.#record = record
  }

  use<Out>(callback: (deps: Dependencies) => Out, path: string): Out {
    let container = this.#byPath.get(path)
    if (!container) {
      this.#own ??= this.#openOwn()
      container = this.#own.extend()
      container.provide('__pause_service__', this.#pauseService(path))
      this.#byPath.set(path, container)
    }
    const log = this.#log
    return container.use(log ? (deps) => callback(log.watch(deps, container)) : callback)
  }

  /** The run has another state now: services that selected from it may have to be built anew. */
  stateChanged(): void {
    void this.#own?.stateChanged()
  }

  /** Returns a promise only when there is something to clean up. */
  dispose(): Promise<void> | undefined {
    return this.#own?.dispose()
  }

  #openOwn(): ArtifactContainer {
    const container = this.#open()
    const record = this.#record
    if (record) {
      const log = (this.#log = new SharedServicesLog(record))
      container.on('*', (type, event) => {
        if ('key' in event) log.belongsToRun(event.key)
        record('container', `service:${type}`, { ...event })
      })
    }
    return container
  }
}
