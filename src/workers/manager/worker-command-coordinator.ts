import { toMs } from '../../core/duration.js'
import { type SystemError, isSystemError, reviveError } from '../../core/system-error.js'
import { DEFAULT_GRACE_PERIOD } from '../runner/execution-profile.js'
import type { RunnerReply } from '../messages/protocol.js'
import { executionFailed, invalidTransition, unknownRunner, unknownWorker } from '../runner/runner-errors.js'
import type { RunnerUpdate } from '../runner/runner-options.js'
import { type RunnerCommand, type RunnerState, isRepeat } from '../runner/runner-state.js'
import type { WorkerInstance } from './worker-instance.js'
import type { ManagerSettings } from './worker-manager-options.js'
import type { WorkerRegistry } from './worker-registry.js'

/** What became of a command at one runner. */
export interface CommandReply {
  readonly workerId: string
  /** Absent when the worker itself is unknown. */
  readonly runnerId?: string
  readonly ok: boolean
  /** Where the runner stands now, as far as that is known. */
  readonly state?: RunnerState
  readonly error?: SystemError
}

/** A worker answers this much earlier than it is waited for, so that one late runner does not hide the others. */
const ANSWER_AT = 0.9

export interface CoordinatorPorts {
  /** Ends a host that does not answer a terminate, and its runners with it. */
  readonly killWorker: (
    worker: WorkerInstance,
    runnerIds: readonly string[],
    cause: SystemError,
  ) => Promise<void>
}

/**
 * Sends commands to runners and gathers the replies: one per runner that was addressed, in the order asked, whatever
 * became of the others. Never rejects, and takes no longer than the timeout.
 */
export class WorkerCommandCoordinator {
  readonly #settings: Pick<ManagerSettings, 'messageTimeoutMs'>
  readonly #registry: WorkerRegistry
  readonly #ports: CoordinatorPorts

  constructor(
    settings: Pick<ManagerSettings, 'messageTimeoutMs'>,
    registry: WorkerRegistry,
    ports: CoordinatorPorts,
  ) {
    this.#settings = settings
    this.#registry = registry
    this.#ports = ports
  }

  /** @param workerIds @default all */
  async commandWorkers(
    command: RunnerCommand,
    workerIds: readonly string[] = [...this.#registry.getWorkersMap().keys()],
    update?: RunnerUpdate,
  ): Promise<CommandReply[]> {
    const replies = await Promise.all(
      [...new Set(workerIds)].map((workerId) => this.commandRunners(command, workerId, undefined, update)),
    )
    return replies.flat()
  }

  /** @param runnerIds @default all of the worker's */
  async commandRunners(
    command: RunnerCommand,
    workerId: string,
    runnerIds?: readonly string[],
    update?: RunnerUpdate,
  ): Promise<CommandReply[]> {
    const worker = this.#registry.getWorker(workerId)
    const addressed = runnerIds ?? this.#registry.getRunners(workerId).map(({ runnerId }) => runnerId)
    if (!worker) {
      const ended = addressed.map((runnerId) => this.#afterEnd(workerId, runnerId, command))
      const isKnown = ended.length > 0 && ended.every(({ state }) => state !== undefined)
      return isKnown ? ended : [{ workerId, ok: false, error: unknownWorker(workerId) }]
    }
    // One that is named twice is told once, and answers in both places.
    const live = [...new Set(addressed)].filter((runnerId) => this.#registry.getRunner(workerId, runnerId))
    const replies = await this.#send(worker, command, live, update)
    return addressed.map((runnerId) => replies.get(runnerId) ?? this.#afterEnd(workerId, runnerId, command))
  }

  async #send(
    worker: WorkerInstance,
    command: RunnerCommand,
    runnerIds: readonly string[],
    update: RunnerUpdate | undefined,
  ): Promise<ReadonlyMap<string, CommandReply>> {
    if (runnerIds.length === 0) return new Map()
    const timeoutMs = this.#timeoutOf(worker, command, runnerIds)
    try {
      const payload = { command, runnerIds, timeoutMs: timeoutMs * ANSWER_AT, ...(update && { update }) }
      const replies = (await worker.request('command', payload, timeoutMs)) as readonly RunnerReply[]
      return new Map(replies.map((reply) => [reply.runnerId, toCommandReply(worker.id, reply)]))
    } catch (error) {
      return this.#onNoReply(worker, command, runnerIds, executionFailed(`Command ${command}`, error, {}))
    }
  }

  async #onNoReply(
    worker: WorkerInstance,
    command: RunnerCommand,
    runnerIds: readonly string[],
    error: SystemError,
  ): Promise<ReadonlyMap<string, CommandReply>> {
    if (command === 'terminate' && error.code === 'TIMEOUT')
      await this.#ports.killWorker(worker, runnerIds, error)
    return new Map(
      runnerIds.map((runnerId) => {
        const ended = this.#registry.getEndState(worker.id, runnerId)
        const state = ended ?? this.#registry.getRunner(worker.id, runnerId)?.state
        const isDone = ended !== undefined && isRepeat(ended, command)
        const known = { workerId: worker.id, runnerId, ...(state && { state }) }
        return [runnerId, isDone ? { ...known, ok: true } : { ...known, ok: false, error }]
      }),
    )
  }

  #afterEnd(workerId: string, runnerId: string, command: RunnerCommand): CommandReply {
    const state = this.#registry.getEndState(workerId, runnerId)
    if (state === undefined)
      return { workerId, runnerId, ok: false, error: unknownRunner(runnerId, workerId) }
    if (isRepeat(state, command)) return { workerId, runnerId, ok: true, state }
    return { workerId, runnerId, ok: false, state, error: invalidTransition(runnerId, state, command) }
  }

  /** A stop may take the grace period of the slowest of its runners on top. */
  #timeoutOf(worker: WorkerInstance, command: RunnerCommand, runnerIds: readonly string[]): number {
    const { messageTimeoutMs } = this.#settings
    if (command !== 'stop') return messageTimeoutMs
    const graces = runnerIds.map((runnerId) => {
      const profile = this.#registry.getRunner(worker.id, runnerId)?.options.executionProfile
      return toMs(profile?.gracePeriod ?? DEFAULT_GRACE_PERIOD)
    })
    return messageTimeoutMs + Math.max(...graces)
  }
}

function toCommandReply(workerId: string, { runnerId, ok, state, error }: RunnerReply): CommandReply {
  if (!error) return { workerId, runnerId, ok, ...(state && { state }) }
  const revived = reviveError(error)
  const failure = isSystemError(revived) ? revived : executionFailed('The command', revived, { runnerId })
  return { workerId, runnerId, ok, ...(state && { state }), error: failure }
}
