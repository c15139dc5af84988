import type { AnyEventBus, Unsubscribe } from '../bus/event-bus.js'
import type { EventMeta } from '../core/bus-event.js'
import type { DispatchResult } from './receipts.js'

/** Gathers the receipts of single events for whoever published them. */
export class DispatchCollector {
  readonly #open = new Map<string, DispatchResult[][]>()

  take(receipt: DispatchResult): void {
    const lists = this.#open.get(receipt.eventId)
    if (lists) for (const list of lists) list.push(receipt)
  }

  /**
   * Publishes, and resolves to the last receipt of each trigger that the event matched.
   *
   * @param settled Resolves when what was begun until then is safe.
   */
  async publish(
    bus: AnyEventBus,
    type: string,
    payload: unknown,
    meta: EventMeta,
    settled: () => Promise<unknown>,
  ): Promise<readonly DispatchResult[]> {
    const event = bus.createEvent(type, payload, meta)
    const receipts: DispatchResult[] = []
    const lists = this.#open.get(event.id) ?? []
    this.#open.set(event.id, [...lists, receipts])
    let unsubscribe: Unsubscribe | undefined
    try {
      await new Promise<void>((resolve) => {
        // The last to subscribe is the last to be told: every trigger has had the event by then.
        unsubscribe = bus.subscribe(type, ({ id }) => {
          if (id === event.id) resolve()
        })
        bus.dispatch(event)
      })
      await settled()
    } finally {
      unsubscribe?.()
      const left = this.#open.get(event.id)!.filter((list) => list !== receipts)
      if (left.length > 0) this.#open.set(event.id, left)
      else this.#open.delete(event.id)
    }
    return [...new Map(receipts.map((receipt) => [receipt.triggerId + receipt.workflowId, receipt])).values()]
  }
}
