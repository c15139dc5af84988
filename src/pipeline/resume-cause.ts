import type { BusEvent } from '../core/bus-event.js'

/** What ended a pause. Discriminated by `kind`, so that no case can be mistaken for another. */
export type ResumeCause<Event extends BusEvent = BusEvent> =
  /** Somebody called `resume()`. `patch` was merged into the state. */
  | { readonly kind: 'manual'; readonly patch?: Readonly<Record<string, unknown>> }
  /** The event waited for. */
  | { readonly kind: 'event'; readonly event: Event }
  /** One event of each type waited for (`mode: 'all'`), in the order of the descriptor. */
  | { readonly kind: 'events'; readonly events: readonly Event[] }
  | { readonly kind: 'timeout' }
