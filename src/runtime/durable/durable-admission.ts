import { SystemError } from '../../core/system-error.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import type { Ticket } from '../modes/mode.js'
import { commitPatiently } from './patient-commit.js'
import { recordKeys } from './record-keys.js'
import { type AcceptedRecord, RUN_LAYOUT, type RememberedRecord, type TicketRecord } from './run-record.js'
import type { Durability } from './durability.js'
import type { Patience } from './patience.js'

/**
 * Keeps the events that one registration has accepted: those that wait, until they start or come to nothing, and the ids
 * of all, so that one that comes again is known.
 */
export class DurableAdmission {
  readonly #durability: Durability
  readonly #workflowId: string
  readonly #patience: Patience
  /** Tickets that are in the store, or on the way there. */
  readonly #kept = new Map<Ticket, Promise<void>>()
  readonly #runIds = new Set<string>()

  constructor(durability: Durability, workflowId: string, patience: Patience) {
    this.#durability = durability
    this.#workflowId = workflowId
    this.#patience = patience
  }

  /** A ticket that was recovered is in the store already. */
  adopt(ticket: Ticket): void {
    this.#hold(ticket, Promise.resolve())
  }

  isKept(ticket: Ticket): boolean {
    return this.#kept.has(ticket)
  }

  /** Whether the event of that run waits here. */
  holds(runId: string): boolean {
    return this.#runIds.has(runId)
  }

  /** Whether the trigger has accepted that event before, in whatever process. */
  async isAccepted({ triggerId, event }: Ticket): Promise<boolean> {
    const key = recordKeys.accepted(this.#workflowId, triggerId, event.id)
    return (await this.#patience.bound(this.#durability.registry.driver.get(key))) !== undefined
  }

  /** Resolves when the event is safe. Rejects with `CONFLICT` when it was accepted before. */
  keep(ticket: Ticket): Promise<void> {
    const { runId, triggerId, event, key, priority } = ticket
    const owner = this.#durability.ownership.id
    const value: TicketRecord = {
      layout: RUN_LAYOUT,
      owner,
      runId,
      triggerId,
      event,
      priority,
      ...(key === undefined ? {} : { key }),
    }
    const put: StorageOperation = { type: 'put', key: recordKeys.ticket(this.#workflowId, runId), value }
    const kept = this.#commit([...this.#accept(ticket), put], () => this.#isStored(ticket))
    this.#hold(ticket, kept)
    kept.catch(() => this.#release(ticket))
    return kept
  }

  /** It came to nothing. Resolves when the store has forgotten it. */
  async drop(ticket: Ticket): Promise<void> {
    await this.#kept.get(ticket)
    const operations = [...this.#take(ticket), this.#remember(ticket)]
    await this.#commit(operations, async () => !(await this.#isStored(ticket)))
    this.#release(ticket)
  }

  /** What is committed with the start of its run. */
  async starting(ticket: Ticket): Promise<readonly StorageOperation[]> {
    const kept = this.#kept.get(ticket)
    if (!kept) return this.#accept(ticket)
    await kept
    this.#release(ticket)
    return this.#take(ticket)
  }

  #hold(ticket: Ticket, kept: Promise<void>): void {
    this.#kept.set(ticket, kept)
    this.#runIds.add(ticket.runId)
  }

  #release(ticket: Ticket): void {
    this.#kept.delete(ticket)
    this.#runIds.delete(ticket.runId)
  }

  async #isStored({ runId }: Ticket): Promise<boolean> {
    const { ownership, registry } = this.#durability
    return (await registry.ticket(this.#workflowId, runId))?.owner === ownership.id
  }

  #accept({ triggerId, event, runId }: Ticket): readonly StorageOperation[] {
    const key = recordKeys.accepted(this.#workflowId, triggerId, event.id)
    const value: AcceptedRecord = { runId, at: this.#durability.clock.now() }
    return [
      { type: 'expect', key, field: 'runId', equals: undefined },
      { type: 'put', key, value },
    ]
  }

  /** Out of the store, if it is still this process in which it waits. */
  #take({ runId }: Ticket): readonly StorageOperation[] {
    const key = recordKeys.ticket(this.#workflowId, runId)
    const equals = this.#durability.ownership.id
    return [
      { type: 'expect', key, field: 'owner', equals },
      { type: 'delete', key },
    ]
  }

  /** Nothing but its id is left: whoever removes what is old must find it. */
  #remember({ runId, triggerId, event }: Ticket): StorageOperation {
    const accepted = recordKeys.accepted(this.#workflowId, triggerId, event.id)
    const value: RememberedRecord = { runId, accepted }
    return { type: 'put', key: recordKeys.rememberedOf(this.#durability.clock.now(), runId), value }
  }

  #commit(operations: readonly StorageOperation[], isApplied: () => Promise<boolean>): Promise<void> {
    const what = `An event of "${this.#workflowId}"`
    return commitPatiently(operations, isApplied, this.#durability.patient(what, this.#patience))
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

/** Whether a commit was refused because another process has taken over what it is about. */
export function isTakenOver(error: unknown): boolean {
  return error instanceof SystemError && error.code === 'CONFLICT'
}
