import { SystemError } from '../../core/system-error.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import type { Ticket } from '../modes/mode.js'
import { MAX_HOOK_INTERRUPTIONS } from './park-poison.js'
import { commitPatiently } from './patient-commit.js'
import { recordKeys } from './record-keys.js'
import { type AcceptedRecord, RUN_LAYOUT, type RememberedRecord, type TicketRecord } from './run-record.js'
import type { WorkflowStore } from './workflow-store.js'

interface KeptTicket {
  /** Resolves when it is in the store. */
  readonly isSafe: Promise<void>
  /** How often its run was prepared. */
  preparations: number
}

/**
 * Keeps the events that one registration has accepted: those that wait, until they start or come to nothing, and the ids
 * of all, so that one that comes again is known.
 */
export class DurableAdmission {
  readonly #store: WorkflowStore
  readonly #workflowId: string
  /** Tickets that are in the store, or on the way there. */
  readonly #kept = new Map<Ticket, KeptTicket>()
  readonly #runIds = new Set<string>()

  constructor(store: WorkflowStore) {
    this.#store = store
    this.#workflowId = store.workflowId
  }

  /** A ticket that was recovered is in the store already. */
  adopt(ticket: Ticket, preparations: number): void {
    this.#hold(ticket, Promise.resolve(), preparations)
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
    return (await this.#store.patience.bound(this.#store.driver.get(key))) !== undefined
  }

  /** Resolves when the event is safe. Rejects with `CONFLICT` when it was accepted before. */
  keep(ticket: Ticket): Promise<void> {
    const kept = this.#commit([...this.#accept(ticket), this.#put(ticket)], () => this.#isStored(ticket))
    this.#hold(ticket, kept, 0)
    kept.catch(() => this.#release(ticket))
    return kept
  }

  /** It came to nothing. Resolves when the store has forgotten it; rejects with `FENCED` when it waits elsewhere now. */
  async drop(ticket: Ticket): Promise<void> {
    try {
      await this.#kept.get(ticket)?.isSafe
    } catch (error) {
      if (error === this.#store.patience.reason) throw error
      // The store did not take it.
      return
    }
    const operations = [...this.#take(ticket), this.#remember(ticket)]
    try {
      await this.#commit(operations, async () => !(await this.#isStored(ticket)))
    } catch (error) {
      throw isTakenOver(error) ? takenOver(ticket.runId, error) : error
    } finally {
      this.#release(ticket)
    }
  }

  /** What is committed with the start of its run. */
  async starting(ticket: Ticket): Promise<readonly StorageOperation[]> {
    const kept = this.#kept.get(ticket)
    if (!kept) return this.#accept(ticket)
    await kept.isSafe
    this.#release(ticket)
    return this.#take(ticket)
  }

  /**
   * Counts that the run of an event that waited is about to be prepared: nothing else would tell that this brought the
   * process down. Rejects with `EXECUTION_FAILED` when it has too often. An event that has not waited stands nowhere yet.
   */
  preparing(ticket: Ticket): Promise<void> | undefined {
    const kept = this.#kept.get(ticket)
    return kept && this.#countPreparation(ticket, kept)
  }

  async #countPreparation(ticket: Ticket, kept: KeptTicket): Promise<void> {
    await kept.isSafe
    const { runId } = ticket
    if (kept.preparations >= MAX_HOOK_INTERRUPTIONS) {
      const message = `The hook onPrepare of run ${runId} was cut off ${kept.preparations} times: it is not called again`
      throw new SystemError('EXECUTION_FAILED', message, { context: { runId } })
    }
    const preparations = kept.preparations + 1
    const owner = this.#store.ownerId
    const key = recordKeys.ticket(this.#workflowId, runId)
    await this.#commit(
      [{ type: 'expect', key, field: 'owner', equals: owner }, this.#put(ticket, preparations)],
      async () => {
        const stored = await this.#store.registry.ticket(this.#workflowId, runId)
        return stored?.owner === owner && stored.preparations === preparations
      },
    )
    kept.preparations = preparations
  }

  #put({ runId, triggerId, event, key, priority }: Ticket, preparations = 0): StorageOperation {
    const value: TicketRecord = {
      layout: RUN_LAYOUT,
      owner: this.#store.ownerId,
      runId,
      triggerId,
      event,
      priority,
      ...(key === undefined ? {} : { key }),
      ...(preparations === 0 ? {} : { preparations }),
    }
    return { type: 'put', key: recordKeys.ticket(this.#workflowId, runId), value }
  }

  #hold(ticket: Ticket, isSafe: Promise<void>, preparations: number): void {
    this.#kept.set(ticket, { isSafe, preparations })
    this.#runIds.add(ticket.runId)
  }

  #release(ticket: Ticket): void {
    this.#kept.delete(ticket)
    this.#runIds.delete(ticket.runId)
  }

  async #isStored({ runId }: Ticket): Promise<boolean> {
    const { registry, ownerId } = this.#store
    return (await registry.ticket(this.#workflowId, runId))?.owner === ownerId
  }

  #accept({ triggerId, event, runId }: Ticket): readonly StorageOperation[] {
    const key = recordKeys.accepted(this.#workflowId, triggerId, event.id)
    const value: AcceptedRecord = { runId, at: this.#store.clock.now() }
    return [
      { type: 'expect', key, field: 'runId', equals: undefined },
      { type: 'put', key, value },
    ]
  }

  /** Out of the store, if it is still this process in which it waits. */
  #take({ runId }: Ticket): readonly StorageOperation[] {
    const key = recordKeys.ticket(this.#workflowId, runId)
    const equals = this.#store.ownerId
    return [
      { type: 'expect', key, field: 'owner', equals },
      { type: 'delete', key },
    ]
  }

  /** Nothing but its id is left: whoever removes what is old must find it. */
  #remember({ runId, triggerId, event }: Ticket): StorageOperation {
    const accepted = recordKeys.accepted(this.#workflowId, triggerId, event.id)
    const value: RememberedRecord = { runId, accepted }
    return { type: 'put', key: recordKeys.rememberedOf(this.#store.clock.now(), runId), value }
  }

  #commit(operations: readonly StorageOperation[], isApplied: () => Promise<boolean>): Promise<void> {
    return commitPatiently(operations, isApplied, this.#store, `An event of "${this.#workflowId}"`)
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
function isTakenOver(error: unknown): error is SystemError {
  return error instanceof SystemError && error.code === 'CONFLICT'
}

function takenOver(runId: string, cause: SystemError): SystemError {
  const message = `The event of run ${runId} was taken over by another process: ask there what becomes of it`
  return new SystemError('FENCED', message, { cause, context: { runId } })
}
