import type { BusEvent } from '../core/bus-event.js'
import { callHook } from './call-hook.js'
import type { Ticket } from './modes/mode.js'
import { type DispatchOutcome, type DispatchResult, createReceipt } from './receipts.js'
import type { RunHooks } from './run-hooks.js'
import type { RuntimeContext } from './runtime-context.js'

/** Outcomes after which nothing of the event will ever run, told on the bus as `run:dropped`. */
const LOST: ReadonlySet<DispatchOutcome> = new Set(['dropped', 'rejected', 'superseded'])

/** Gives the receipts of one registration: to the log, to whoever submitted the event, to the hook, and the losses to the bus. */
export class ReceiptGiver {
  readonly #workflowId: string
  readonly #context: RuntimeContext
  readonly #onDispatch: RunHooks['onDispatch']
  readonly #onReceipt: (receipt: DispatchResult) => void

  /** @param onReceipt Told of each receipt, after the log and before the hook. */
  constructor(
    workflowId: string,
    context: RuntimeContext,
    onDispatch: RunHooks['onDispatch'],
    onReceipt: (receipt: DispatchResult) => void,
  ) {
    this.#workflowId = workflowId
    this.#context = context
    this.#onDispatch = onDispatch
    this.#onReceipt = onReceipt
  }

  give(
    outcome: DispatchOutcome,
    ticket: Pick<Ticket, 'triggerId' | 'event' | 'key'>,
    details: Pick<DispatchResult, 'runId' | 'replacedRunId' | 'reason'>,
  ): void {
    const receipt = createReceipt(outcome, this.#workflowId, ticket, this.#context.clock.now(), details)
    this.#context.receipts.append(receipt)
    this.#onReceipt(receipt)
    void callHook(this.#context, 'onDispatch', this.#onDispatch, receipt)
    if (LOST.has(outcome) && this.#context.bus.hasSubscribers('run:dropped')) {
      const { triggerId, eventId, runId, reason } = receipt
      const payload = { workflowId: this.#workflowId, triggerId, eventId, outcome, runId, reason }
      this.announce('run:dropped', payload, ticket.event)
    }
  }

  /** Publishes an event about a run, or about an event that came to nothing. */
  announce(type: string, payload: object, { id, correlationId }: BusEvent): void {
    try {
      this.#context.bus.publish(type, payload, {
        causationId: id,
        ...(correlationId === undefined ? {} : { correlationId }),
      })
    } catch (error) {
      this.#context.report(error, `Event ${type} of workflow "${this.#workflowId}"`)
    }
  }
}
