import type { ArchiveEntry } from './archive-manager.js'
import { Emitter } from './emitter.js'
import type { RunnerOptions } from '../runner/runner-options.js'
import { type RunnerState, type StateChange, isFinal } from '../runner/runner-state.js'
import { SnapshotSample } from '../telemetry/snapshot-sample.js'
import type { TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'
import { ThresholdWatch } from './threshold-watch.js'
import type { RunnerEvents } from './worker-manager-events.js'

/** How many changes a record keeps; the first ones go. */
const MAX_HISTORY = 200

/** What the manager knows of one runner: what its worker has told, in the order of `seq`. */
export class RunnerRecord {
  readonly runnerId: string
  readonly workerId: string
  readonly addedAt: number
  options: RunnerOptions
  optionsRevision = 1
  state: RunnerState = 'initializing'
  seq = 0
  history: StateChange[] = []
  lastTelemetry: TelemetrySnapshot | undefined
  /** Once it has ended. */
  entry: ArchiveEntry | undefined
  readonly sample = new SnapshotSample()
  /** Where the options have thresholds. */
  readonly watch: ThresholdWatch | undefined
  readonly events: Emitter<RunnerEvents>

  constructor(
    runnerId: string,
    workerId: string,
    options: RunnerOptions,
    addedAt: number,
    onFault: (error: unknown) => void,
  ) {
    this.events = new Emitter(onFault)
    this.runnerId = runnerId
    this.workerId = workerId
    this.options = options
    this.watch = options.thresholds && new ThresholdWatch(options.thresholds)
    this.addedAt = addedAt
  }

  get isFinal(): boolean {
    return isFinal(this.state)
  }

  apply(change: StateChange): void {
    this.state = change.to
    this.seq = change.seq
    if (change.options) {
      this.options = change.options
      this.optionsRevision++
    }
    this.history.push(change)
    if (this.history.length > MAX_HISTORY) this.history.shift()
  }

  see(snapshot: TelemetrySnapshot): void {
    this.lastTelemetry = snapshot
    this.sample.add(snapshot)
  }
}
