import type { TelemetrySnapshot } from './telemetry-snapshot.js'

/** How many snapshots are kept of a runner, besides the last. */
const MAX_SNAPSHOTS = 100

/**
 * Snapshots of one runner, thinned out evenly so that their number has a bound: when there are too many, every second one goes, and from then on
 * half as many come in. Single samples are left out, lines are kept of the last alone.
 */
export class SnapshotSample {
  #kept: TelemetrySnapshot[] = []
  #last: TelemetrySnapshot | undefined
  #stride = 1
  #seen = 0

  add(snapshot: TelemetrySnapshot): void {
    this.#last = snapshot
    if (this.#seen++ % this.#stride !== 0) return
    this.#kept.push({ ...snapshot, samples: [], message: [] })
    if (this.#kept.length <= MAX_SNAPSHOTS) return
    this.#kept = this.#kept.filter((_, index) => index % 2 === 0)
    this.#stride *= 2
  }

  /** In the order they came; the last one is always there. */
  list(): readonly TelemetrySnapshot[] {
    if (!this.#last) return []
    const kept = this.#kept.filter(({ at }) => at < this.#last!.at)
    return [...kept, { ...this.#last, samples: [] }]
  }
}
