import { SystemError } from '../../core/system-error.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import type { Ticket } from '../modes/mode.js'
import { commitPatiently } from './patient-commit.js'
import { recordKeys } from './record-keys.js'
import { RUN_LAYOUT, type TicketRecord } from './run-record.js'
import type { Durability } from './durability.js'

/**
 * Keeps the events that one registration has accepted: those that wait, until they start or come to nothing, and the ids
 * of all, so that one that comes again is known.
 */
export class DurableAdmission {
  readonly #durability: Durability
  readonly #workflowId: string
  /** Tickets that are in the store, or on the way there. */
  readonly #kept = new Map<Ticket, Promise<void>>()

  constructor(durability: Durability, workflowId: string) {
    this.#durability = durability
    this.#workflowId = workflowId
  }

  /** A ticket that was recovered is in the store already. */
  adopt(ticket: Ticket): void {
    this.#kept.set(ticket, Promise.resolve())
  }

  isKept(ticket: Ticket): boolean {
    return this.#kept.has(ticket)
  }

  /** Resolves when the event is safe. Rejects with `CONFLICT` when it was accepted before. */
  keep(ticket: Ticket): Promise<void> {
    const { runId, triggerId, event, key, priority } = ticket
    const value: TicketRecord = {
      layout: RUN_LAYOUT,
      runId,
      triggerId,
      event,
      priority,
      ...(key === undefined ? {} : { key }),
    }
    const put: StorageOperation = { type: 'put', key: recordKeys.ticket(this.#workflowId, runId), value }
    const kept = this.#commit([...this.#accept(ticket), put], async () => {
      const driver = this.#durability.registry.driver
      return (await driver.get(recordKeys.ticket(this.#workflowId, runId))) !== undefined
    })
    this.#kept.set(ticket, kept)
    kept.catch(() => this.#kept.delete(ticket))
    return kept
  }

  /** It came to nothing. Resolves when the store has forgotten it. */
  async drop(ticket: Ticket): Promise<void> {
    await this.#kept.get(ticket)
    this.#kept.delete(ticket)
    await this.#commit([this.#delete(ticket)], () => Promise.resolve(false))
  }

  /** What is committed with the start of its run. */
  async starting(ticket: Ticket): Promise<readonly StorageOperation[]> {
    const kept = this.#kept.get(ticket)
    if (!kept) return this.#accept(ticket)
    await kept
    this.#kept.delete(ticket)
    return [this.#delete(ticket)]
  }

  #accept({ triggerId, event, runId }: Ticket): readonly StorageOperation[] {
    const key = recordKeys.accepted(this.#workflowId, triggerId, event.id)
    return [
      { type: 'expect', key, field: 'runId', equals: undefined },
      { type: 'put', key, value: { runId, at: this.#durability.clock.now() } },
    ]
  }

  #delete({ runId }: Ticket): StorageOperation {
    return { type: 'delete', key: recordKeys.ticket(this.#workflowId, runId) }
  }

  #commit(operations: readonly StorageOperation[], isApplied: () => Promise<boolean>): Promise<void> {
    return commitPatiently(
      operations,
      isApplied,
      this.#durability.patience(`An event of "${this.#workflowId}"`),
    )
  }
}

/** Whether a commit was refused because the event was accepted before. */
export function isAcceptedBefore(error: unknown): boolean {
  return (
    error instanceof SystemError &&
    error.code === 'CONFLICT' &&
    String(error.context['key']).startsWith('accepted/')
  )
}
