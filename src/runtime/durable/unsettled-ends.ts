import { Linked, LinkedList } from '../../core/linked-list.js'

/** The end of a run about which this process is still doing something. */
export class UnsettledEnd extends Linked {
  readonly runId: string

  constructor(runId: string) {
    super()
    this.runId = runId
  }
}

/** Ends that are in the store as unsettled, and that this very process sees to: a recovery leaves them alone. */
export class UnsettledEnds extends LinkedList<UnsettledEnd> {
  /** Goes through all of them; asked only for what a recovery finds to be of this process. */
  has(runId: string): boolean {
    let end = this.first
    while (end && end.runId !== runId) end = end.after
    return end !== undefined
  }
}
