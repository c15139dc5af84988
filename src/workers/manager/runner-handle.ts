import type { ArchiveEntry } from './archive-manager.js'
import { unknownRunner } from '../runner/runner-errors.js'
import type { RunnerOptions, RunnerUpdate } from '../runner/runner-options.js'
import type { RunnerRecord } from './runner-record.js'
import type { RunnerCommand, RunnerState, StateChange } from '../runner/runner-state.js'
import type { TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'
import type { WorkerCommandCoordinator } from './worker-command-coordinator.js'
import type { RunnerEvents } from './worker-manager-events.js'

/**
 * One runner in the client's hands. What it says of it is what its worker has told so far. Its commands resolve to the
 * state after them, and reject with the `SystemError` of the reply when they were refused.
 */
export class RunnerHandle {
  readonly id: string
  readonly workerId: string
  readonly #record: RunnerRecord
  readonly #coordinator: WorkerCommandCoordinator

  /** @internal */
  constructor(record: RunnerRecord, coordinator: WorkerCommandCoordinator) {
    this.id = record.runnerId
    this.workerId = record.workerId
    this.#record = record
    this.#coordinator = coordinator
  }

  get state(): RunnerState {
    return this.#record.state
  }

  get options(): RunnerOptions {
    return this.#record.options
  }

  get optionsRevision(): number {
    return this.#record.optionsRevision
  }

  get history(): readonly StateChange[] {
    return this.#record.history
  }

  /** Its newest numbers; `undefined` before the first batch. */
  get telemetry(): TelemetrySnapshot | undefined {
    return this.#record.lastTelemetry
  }

  /** @returns how to stop listening. */
  on<Type extends keyof RunnerEvents>(
    type: Type,
    listener: (payload: RunnerEvents[Type]) => void,
  ): () => void {
    return this.#record.events.on(type, listener)
  }

  /** Resolves when it has come to a final state, whichever it is. */
  ended(): Promise<ArchiveEntry> {
    const { entry, events } = this.#record
    if (entry) return Promise.resolve(entry)
    return new Promise((resolve) => {
      const stop = events.on('archived', (archived) => {
        stop()
        resolve(archived)
      })
    })
  }

  start(): Promise<RunnerState> {
    return this.#command('start')
  }

  /** Resolves when what is under way has ended, or been interrupted at the end of its grace period. */
  stop(): Promise<RunnerState> {
    return this.#command('stop')
  }

  /** Resolves when the iterations under way have ended. */
  pause(): Promise<RunnerState> {
    return this.#command('pause')
  }

  resume(): Promise<RunnerState> {
    return this.#command('resume')
  }

  /** One iteration by hand, of a paused runner. */
  execute(): Promise<RunnerState> {
    return this.#command('execute')
  }

  /** Sets the counters to zero. */
  reset(): Promise<RunnerState> {
    return this.#command('reset')
  }

  /** Ends it at once, without the steps of an orderly end. */
  terminate(): Promise<RunnerState> {
    return this.#command('terminate')
  }

  /** Merges new options in; what is wrong with them changes nothing. */
  update(update: RunnerUpdate): Promise<RunnerState> {
    return this.#command('update', update)
  }

  async #command(command: RunnerCommand, update?: RunnerUpdate): Promise<RunnerState> {
    const [reply] = await this.#coordinator.commandRunners(command, this.workerId, [this.id], update)
    if (!reply?.ok) throw reply?.error ?? unknownRunner(this.id, this.workerId)
    return reply.state ?? this.state
  }
}
