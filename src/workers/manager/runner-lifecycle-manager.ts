import { type SystemError, serializeError } from '../../core/system-error.js'
import { writeLog } from '../../core/write-log.js'
import type { ArchiveManager } from './archive-manager.js'
import type { Emitter } from './emitter.js'
import type { RunnerReport, TelemetryBatch, WorkerEvents } from '../messages/protocol.js'
import type { RunnerRecord } from './runner-record.js'
import { type StateChange, isFinal } from '../runner/runner-state.js'
import type { RunnerEvents, WorkerManagerEvents } from './worker-manager-events.js'
import type { ManagerSettings } from './worker-manager-options.js'
import type { WorkerRegistry } from './worker-registry.js'

/**
 * Takes in what workers tell of their runners.
 *
 * L1. Changes of a runner are taken in the order of `seq`, each once; what is older than what is known is dropped.
 * L2. A runner leaves the registry, and enters the archive, with the change to its final state.
 */
export class RunnerLifecycleManager {
  readonly #settings: Pick<ManagerSettings, 'clock' | 'publisher' | 'logger'>
  readonly #registry: WorkerRegistry
  readonly #archive: ArchiveManager
  readonly #events: Emitter<WorkerManagerEvents>
  readonly #stopRunner: (record: RunnerRecord) => void
  readonly #lastBatch = new Map<string, number>()

  constructor(
    settings: Pick<ManagerSettings, 'clock' | 'publisher' | 'logger'>,
    registry: WorkerRegistry,
    archive: ArchiveManager,
    events: Emitter<WorkerManagerEvents>,
    /** A threshold that is broken wants the end of the runner. */
    stopRunner: (record: RunnerRecord) => void,
  ) {
    this.#settings = settings
    this.#registry = registry
    this.#archive = archive
    this.#events = events
    this.#stopRunner = stopRunner
  }

  /** @returns whether changes are missing before this one: then the worker is to be asked. */
  onStateChange(change: StateChange): { readonly isGap: boolean } {
    const record = this.#registry.getRunner(change.workerId, change.runnerId)
    if (!record || change.seq <= record.seq) return { isGap: false }
    if (change.seq > record.seq + 1) return { isGap: true }
    this.#apply(record, change)
    return { isGap: false }
  }

  /** Takes from the answer to a query what is newer than what is known. */
  onReport(workerId: string, { runnerId, history }: RunnerReport): void {
    const record = this.#registry.getRunner(workerId, runnerId)
    if (!record) return
    for (const change of history) {
      if (change.seq > record.seq && !record.isFinal) this.#apply(record, change)
    }
  }

  onTelemetry(workerId: string, { seq, snapshots }: TelemetryBatch): void {
    const last = this.#lastBatch.get(workerId) ?? 0
    if (seq <= last) return
    if (seq > last + 1) this.#events.emit('telemetryGap', { workerId, missing: seq - last - 1 })
    this.#lastBatch.set(workerId, seq)
    for (const snapshot of snapshots) {
      const record = this.#registry.getRunner(workerId, snapshot.runnerId)
      if (!record) continue
      record.see(snapshot)
      this.#publish(snapshot)
      this.#tell(record, 'telemetry', snapshot)
      for (const breach of record.watch?.see(snapshot) ?? []) {
        this.#tell(record, 'thresholdBreach', breach)
        if (breach.abortOnFail) this.#stopRunner(record)
      }
    }
  }

  onLog(workerId: string, log: WorkerEvents['log']): void {
    const record = this.#registry.getRunner(workerId, log.runnerId)
    const { level, message, data, runnerId } = log
    writeLog(this.#settings.logger, level, `Runner "${runnerId}": ${message}`, data)
    if (record) this.#tell(record, 'log', { ...log, workerId })
  }

  /** The host is gone: its runners have failed; but those that `terminated` names, and all when there is no error, were to be terminated. */
  onWorkerLost(workerId: string, error: SystemError | undefined, terminated: ReadonlySet<string>): void {
    this.#lastBatch.delete(workerId)
    for (const record of this.#registry.getRunners(workerId)) {
      const wasAsked = !error || terminated.has(record.runnerId)
      this.#apply(record, {
        runnerId: record.runnerId,
        workerId,
        from: record.state,
        to: wasAsked ? 'terminated' : 'error',
        at: this.#settings.clock.now(),
        seq: record.seq + 1,
        reason: wasAsked ? 'terminate' : 'WORKER_LOST',
        ...(error && { error: serializeError(error) }),
      })
    }
  }

  #apply(record: RunnerRecord, change: StateChange): void {
    record.apply(change)
    const hasEnded = isFinal(change.to)
    if (hasEnded) this.#registry.deleteRunner(record, true)
    if (hasEnded) record.entry = this.#archive.add(record)
    this.#tell(record, 'stateChange', change)
    if (record.entry) this.#tell(record, 'archived', record.entry)
  }

  #tell<Type extends keyof RunnerEvents>(
    record: RunnerRecord,
    type: Type,
    payload: WorkerManagerEvents[Type] & RunnerEvents[Type],
  ): void {
    record.events.emit(type, payload)
    this.#events.emit(type, payload)
  }

  #publish(snapshot: WorkerManagerEvents['telemetry']): void {
    try {
      this.#settings.publisher?.(snapshot)
    } catch (error) {
      this.#settings.logger.error('The publisher of telemetry failed', { error: serializeError(error) })
    }
  }
}
