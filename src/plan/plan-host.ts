import type { BusEvent } from '../core/bus-event.js'
import type { Clock } from '../core/clock.js'
import { uuidv7 } from '../core/ids.js'
import type { Logger } from '../core/logger.js'
import { SystemError } from '../core/system-error.js'
import type { RunHost } from '../pipeline/run-host.js'

const ignore = () => {}
const SILENT: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }

/**
 * The surroundings of one run that belongs to no runtime: no bus, no services, no store. What a run needs of it and most
 * runs do not is made when it is asked for.
 */
export class PlanHost implements RunHost {
  readonly workflowId: string
  readonly clock: Clock
  readonly random = Math.random
  readonly logger = SILENT
  readonly event: BusEvent
  #runId: string | undefined

  /** @param memory What the steps of the run find as the payload of its event. */
  constructor(workflowId: string, clock: Clock, memory: unknown) {
    this.workflowId = workflowId
    this.clock = clock
    this.event = { id: '', type: 'plan:run', payload: memory, timestamp: 0 }
  }

  get runId(): string {
    return (this.#runId ??= uuidv7())
  }

  use(): never {
    throw new SystemError('UNAVAILABLE', 'A plan that is run by itself has no services: use planWorkflow()')
  }

  createEvent(type: string): never {
    throw new SystemError(
      'UNAVAILABLE',
      `Cannot publish "${type}": a plan that is run by itself has no bus`,
      {
        context: { type },
      },
    )
  }

  commit(): void {}
}
