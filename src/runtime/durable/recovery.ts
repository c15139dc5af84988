import type { BusEvent } from '../../core/bus-event.js'
import { SystemError, isSystemError, serializeError } from '../../core/system-error.js'
import { callHook } from '../call-hook.js'
import type { Registration } from '../registration.js'
import type { RunCheckpoint } from '../workflow-definition.js'
import type { Durability } from './durability.js'
import { recordKeys } from './record-keys.js'
import {
  type ClaimRecord,
  type EndedRecord,
  type RunRecord,
  type TicketRecord,
  toRunResult,
} from './run-record.js'
import type { OutboxEntry } from './store-registry.js'

/** How often a run may be cut off in one stage before it waits for a person. */
const MAX_INTERRUPTIONS = 10

/** What `recover()` found. */
export interface RecoveryReport {
  /** Runs that go on here. */
  readonly recovered: readonly string[]
  /** Runs, and events that wait, that another process owns, and that is alive. */
  readonly owned: readonly string[]
  /** Runs that cannot go on here, and why: another version, a record of a newer Busline, a store that failed. */
  readonly parked: readonly { readonly runId: string; readonly error: SystemError }[]
}

/**
 * Takes over what of a workflow nobody owns: first the runs that have not ended, then those about whose end something was
 * still to be done, then the events that wait. Each changes hands in a commit that only one of several can make.
 */
export async function recoverWorkflow(
  durability: Durability,
  registration: Registration,
): Promise<RecoveryReport> {
  const pass = new RecoveryPass(durability, registration)
  await pass.run()
  return pass
}

class RecoveryPass implements RecoveryReport {
  readonly recovered: string[] = []
  readonly owned: string[] = []
  readonly parked: { runId: string; error: SystemError }[] = []
  readonly #durability: Durability
  readonly #registration: Registration
  /** By owner; asked once. */
  readonly #alive = new Map<string, Promise<boolean>>()

  constructor(durability: Durability, registration: Registration) {
    this.#durability = durability
    this.#registration = registration
  }

  async run(): Promise<void> {
    const { ownership, registry } = this.#durability
    const { id } = this.#registration
    const onDamaged = (error: unknown) =>
      this.#durability.context.report(error, `A record of workflow "${id}": reading it`)
    await ownership.open()
    for await (const page of registry.unfinishedRuns(id, onDamaged)) {
      await Promise.all(
        page.map((record) =>
          this.#each(record.checkpoint.runId, (runId) => this.#takeOverRun(runId, record)),
        ),
      )
    }
    for await (const page of registry.unsettledRuns(id, onDamaged)) {
      await Promise.all(
        page.map(({ runId, owner }) => this.#each(runId, () => this.#takeOverEnd(runId, owner))),
      )
    }
    const tickets = await registry.waitingTickets(id, onDamaged)
    const ours = await Promise.all(
      tickets.map((ticket) => this.#each(ticket.runId, () => this.#takeOverTicket(ticket))),
    )
    // In the order they came, whatever order they were taken over in.
    tickets.forEach((ticket, index) => {
      if (ours[index]) this.#registration.readmit(ticket)
    })
    await ownership.forgetDead()
  }

  /** @returns what `takeOver` resolves to; `undefined` when there is nothing to do, or it failed */
  async #each(
    runId: string,
    takeOver: (runId: string) => Promise<'ours' | 'owned' | 'done'>,
  ): Promise<boolean> {
    if (this.#registration.isClosed || this.#durability.context.runs.find(runId)) return false
    try {
      const outcome = await takeOver(runId)
      if (outcome === 'owned') this.owned.push(runId)
      return outcome === 'ours'
    } catch (error) {
      const fault = isSystemError(error)
        ? error
        : new SystemError('STORAGE', String(error), { cause: error, context: { runId } })
      this.parked.push({ runId, error: fault })
      this.#durability.context.report(fault, `Run ${runId}: recovering it`)
      return false
    }
  }

  #isAlive(owner: string): Promise<boolean> {
    const { ownership } = this.#durability
    let alive = this.#alive.get(owner)
    if (!alive) this.#alive.set(owner, (alive = ownership.isAlive(owner)))
    return alive
  }

  async #isOthers(owner: string | undefined): Promise<boolean> {
    return owner !== undefined && owner !== this.#durability.ownership.id && (await this.#isAlive(owner))
  }

  async #takeOverRun(runId: string, stored: RunRecord): Promise<'ours' | 'owned' | 'done'> {
    const { registry, timelines } = this.#durability
    const registration = this.#registration
    const claim = await registry.claim(runId)
    if (await this.#isOthers(claim?.owner)) return 'owned'
    const record = { ...stored, checkpoint: registration.migrate(stored.checkpoint) }
    if (!(await this.#claim(runId, claim))) return 'owned'
    const outbox = await registry.outbox(registration.id, runId)
    const continues = await timelines?.getRunMeta(runId)
    if (registration.isClosed) return 'done'
    const epoch = (claim?.epoch ?? 0) + 1
    const left = outbox.map(({ key }) => key)
    const journal = this.#durability.journal(registration, runId, epoch, record.revision, left)
    registration.recoverRun(
      { ...record, checkpoint: parkPoison(record.checkpoint) },
      journal,
      outbox,
      continues,
    )
    this.recovered.push(runId)
    return 'ours'
  }

  /** Of a run that has ended: the events it left with, and the hooks that are to hear of it. */
  async #takeOverEnd(runId: string, owner: string): Promise<'ours' | 'owned' | 'done'> {
    const { registry } = this.#durability
    const registration = this.#registration
    if (await this.#isOthers(owner)) return 'owned'
    const claim = await registry.claim(runId)
    const ended = await registry.ended(registration.id, runId)
    if (!ended || !(await this.#claim(runId, claim))) return 'owned'
    const outbox = await registry.outbox(registration.id, runId)
    if (registration.isClosed) return 'done'
    const key = recordKeys.claim(runId)
    const settled = this.#settle(ended, outbox).then(() =>
      registry.driver.commit([
        { type: 'expect', key, field: 'epoch', equals: (claim?.epoch ?? 0) + 1 },
        { type: 'delete', key },
        { type: 'delete', key: recordKeys.unsettled(registration.id, runId) },
        { type: 'deletePrefix', prefix: recordKeys.outboxOf(registration.id, runId) },
      ]),
    )
    // What cannot be done now is found again by the next process.
    settled.catch((error: unknown) => {
      if (!registration.isClosed) this.#durability.context.report(error, `Run ${runId}: telling of its end`)
    })
    return 'ours'
  }

  async #settle(ended: EndedRecord, outbox: readonly OutboxEntry[]): Promise<void> {
    const { context } = this.#durability
    const { onComplete, onCleanup } = this.#registration.hooks
    await context.whenRegistered()
    for (const { event } of outbox) context.bus.dispatch(event as BusEvent)
    const received = context.written()
    await callHook(context, 'onComplete', onComplete, toRunResult(ended))
    await callHook(context, 'onCleanup', onCleanup, undefined)
    await received
  }

  async #takeOverTicket(ticket: TicketRecord): Promise<'ours' | 'owned' | 'done'> {
    const { ownership } = this.#durability
    const { id } = this.#registration
    const { runId, owner } = ticket
    if (this.#registration.holds(runId)) return 'done'
    if (owner === ownership.id) return 'ours'
    if (await this.#isOthers(owner)) return 'owned'
    const key = recordKeys.ticket(id, runId)
    const isTaken = await this.#tryCommit([
      { type: 'expect', key, field: 'owner', equals: owner },
      { type: 'put', key, value: { ...ticket, owner: ownership.id } },
    ])
    return isTaken ? 'ours' : 'owned'
  }

  #claim(runId: string, before: ClaimRecord | undefined): Promise<boolean> {
    const { ownership, registry } = this.#durability
    return this.#tryCommit(registry.claimOperations(runId, before, ownership.id))
  }

  /** Whether nobody else was quicker. */
  async #tryCommit(operations: Parameters<Durability['registry']['driver']['commit']>[0]): Promise<boolean> {
    try {
      await this.#durability.registry.driver.commit(operations)
      return true
    } catch (error) {
      if (isSystemError(error) && error.code === 'CONFLICT') return false
      throw error
    }
  }
}

/** A run that has brought its process down again and again is not tried once more without a person. */
function parkPoison(checkpoint: RunCheckpoint): RunCheckpoint {
  const { root } = checkpoint
  if (root.status !== 'running' || root.interruptions < MAX_INTERRUPTIONS || root.next === undefined)
    return checkpoint
  const error = new SystemError(
    'EXECUTION_FAILED',
    `Stage "${root.next}" was cut off ${root.interruptions} times: resume the run to try it again`,
    { context: { runId: checkpoint.runId, stageId: root.next } },
  )
  const wait = {
    kind: 'exhausted' as const,
    stageId: root.next,
    since: root.startedAt,
    error: serializeError(error),
  }
  return { ...checkpoint, root: { ...root, status: 'paused', interruptions: 0, wait } }
}
