import type { EventMeta } from 'busline'

/** An event that is going to be published. */
export interface Delivery {
  readonly type: string
  readonly payload: unknown
  readonly meta: EventMeta
  /** Where it stood in its file, counted from 1. */
  readonly line?: number
}
