import { Linked, LinkedList } from '../core/linked-list.js'
import type { RunRecording } from './run-recording.js'

/** The place of a run among those that have something to store. */
export class PendingRun extends Linked {
  readonly run: RunRecording
  isUrgent = false

  constructor(run: RunRecording) {
    super()
    this.run = run
  }
}

/** Runs with something to store, in the order in which they came, some of which should not wait for company. */
export class PendingRuns {
  readonly #all = new LinkedList<PendingRun>()
  /** May still name some that have left. */
  #urgent: PendingRun[] = []
  #urgentCount = 0

  get size(): number {
    return this.#all.size
  }

  get urgentCount(): number {
    return this.#urgentCount
  }

  get runs(): readonly RunRecording[] {
    return this.#all.toArray().map(({ run }) => run)
  }

  add(place: PendingRun, isUrgent: boolean): void {
    this.#all.add(place)
    if (!isUrgent || place.isUrgent) return
    place.isUrgent = true
    this.#urgent.push(place)
    this.#urgentCount++
  }

  delete(place: PendingRun): void {
    this.#all.delete(place)
    if (!place.isUrgent) return
    place.isUrgent = false
    this.#urgentCount--
  }

  /** Takes out all of them. */
  take(): readonly RunRecording[] {
    return this.#take(this.#all.toArray())
  }

  /** Takes out those that should not wait. */
  takeUrgent(): readonly RunRecording[] {
    return this.#take(this.#urgent.filter(({ isUrgent }) => isUrgent))
  }

  #take(places: readonly PendingRun[]): readonly RunRecording[] {
    const taken: RunRecording[] = []
    for (const place of places) {
      // One that left and came again stands in `#urgent` twice.
      if (!place.isListed) continue
      this.delete(place)
      taken.push(place.run)
    }
    if (this.#urgentCount === 0) this.#urgent = []
    return taken
  }
}
