import type { EventMeta } from 'busline'

/** An event that is going to be published. */
export interface Delivery {
  readonly type: string
  readonly payload: unknown
  readonly meta: EventMeta
}
