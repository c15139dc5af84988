import type { BusEvent } from '../core/bus-event.js'
import type { Ticket } from './modes/mode.js'

/** An event on its way, whose run gets its id when somebody asks for it. */
export class EventTicket implements Ticket {
  readonly triggerId: string
  readonly event: BusEvent
  readonly key: string | undefined
  readonly priority: number
  readonly #ids: () => string
  #runId: string | undefined

  constructor(
    triggerId: string,
    event: BusEvent,
    key: string | undefined,
    priority: number,
    ids: () => string,
  ) {
    this.triggerId = triggerId
    this.event = event
    this.key = key
    this.priority = priority
    this.#ids = ids
  }

  get runId(): string {
    return (this.#runId ??= this.#ids())
  }
}
