import type { SystemError } from '../../core/system-error.js'
import type { WireMessage } from '../messages/protocol.js'
import type { WireResults, WireTasks } from '../messages/task-messages.js'

/**
 * What an executor of tasks needs of a manager: `workerManager.taskHosts`. Hosts are shared with runners; they are
 * restarted, replaced and removed by the manager alone.
 */
export interface TaskHosts {
  /** Those that take tasks now, the oldest first. A host that is starting, draining or lost is not there. */
  list(): readonly TaskHost[]
  /** Adds one and resolves when it is ready; `undefined` when `maxWorkers` are there or on their way. */
  grow(): Promise<TaskHost> | undefined
  /** Ends one by force (a task that ignores its end): it is lost, and replaced as the supervisor says. */
  kill(hostId: string, reason: SystemError): Promise<void>
}

/** One host as a place for tasks. */
export interface TaskHost {
  readonly id: string
  /** The names of the tasks that its script knows. */
  readonly tasks: readonly string[]
  /** How many tasks are there: kept by the executor, read by placement, `idleTimeout` and drain. */
  activeTasks: number
  /** A number for a task there: each is given once, also where several executors share the host. */
  nextTaskId(): number
  /** @throws {SystemError} `VALIDATION` when the message cannot be cloned. Does nothing once the host is lost. */
  post(message: WireMessage | WireTasks, transfer?: readonly Transferable[]): void
  /** Called with results of tasks, and with each `taskProgress` and `taskLog`. Returns how to stop. */
  onTaskMessage(listener: (message: WireMessage | WireResults) => void): () => void
  /** Called once when the host is gone, with `UNAVAILABLE`; at once when it is gone already. Returns how to stop. */
  onLost(listener: (error: SystemError) => void): () => void
}
