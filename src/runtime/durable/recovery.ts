import type { BusEvent } from '../../core/bus-event.js'
import { SystemError, isSystemError } from '../../core/system-error.js'
import { callHook } from '../call-hook.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import { StoredTimelineStore } from '../../timeline/stored-timeline-store.js'
import type { Registration } from '../registration.js'
import type { Durability } from './durability.js'
import { MAX_HOOK_INTERRUPTIONS, parkPoison } from './park-poison.js'
import { readTogether } from './read-together.js'
import { recordKeys } from './record-keys.js'
import {
  type ClaimRecord,
  type EndedRecord,
  type RunRecord,
  type TicketRecord,
  type UnsettledRecord,
  toRunResult,
} from './run-record.js'
import { type OutboxEntry, StoreRegistry } from './store-registry.js'

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

/** A run that nobody owns, and who owned it last. */
interface Takeover {
  readonly runId: string
  readonly before: ClaimRecord | undefined
}

/** As it was found, before it was claimed. */
interface Wanted extends Takeover {
  readonly record: RunRecord
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
      if (page.length > 0) await this.#takeOverRuns(page)
    }
    for await (const page of registry.unsettledRuns(id, onDamaged)) {
      await Promise.all(page.map((each) => this.#each(each.runId, () => this.#takeOverEnd(each))))
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

  /**
   * A page of runs: what stands about them is read, and their claims are made, together. What they go on from is read
   * under the claim, so that nothing is lost that an owner who was thought dead has committed before.
   */
  async #takeOverRuns(page: readonly RunRecord[]): Promise<void> {
    const near = new StoreRegistry(readTogether(this.#durability.registry.driver))
    const wanted: Wanted[] = []
    await this.#all(page, async (record) => {
      const { checkpoint } = record
      const { runId } = checkpoint
      const before = await near.claim(runId)
      if (await this.#isOthers(before?.owner)) return 'owned'
      this.#registration.migrate(checkpoint)
      wanted.push({ runId, before, record })
      return 'ours'
    })
    if (wanted.length === 0) return
    await this.#goOnWith(await this.#claimRuns(wanted))
  }

  /** All in one commit; one by one where somebody else was quicker with any of them. */
  async #claimRuns(wanted: readonly Wanted[]): Promise<readonly Takeover[]> {
    const { ownership, registry } = this.#durability
    const claimOf = ({ runId, before, record }: Wanted): readonly StorageOperation[] => [
      // A run whose claim is gone has ended meanwhile: a claim on it would stay for ever.
      ...(before ? [] : [registry.expectRun(this.#registration.id, record)]),
      ...registry.claimOperations(runId, before, ownership.id),
    ]
    const areAll = wanted.length > 1 ? this.#tryCommit(wanted.flatMap(claimOf)) : Promise.resolve(false)
    if (await areAll.catch(() => false)) return wanted
    const claimed: Takeover[] = []
    await this.#all(wanted, async (each) => {
      if (!(await areAll) && !(await this.#tryCommit(claimOf(each)))) return 'owned'
      claimed.push(each)
      return 'ours'
    })
    return claimed
  }

  async #goOnWith(claimed: readonly Takeover[]): Promise<void> {
    if (claimed.length === 0) return
    const { registry, clock, timelines } = this.#durability
    const registration = this.#registration
    const driver = readTogether(registry.driver)
    const near = new StoreRegistry(driver)
    const nearTimelines = timelines && new StoredTimelineStore(driver, { clock })
    const ids = claimed.map(({ runId }) => runId).sort()
    const outboxes = registry.outboxes(registration.id, ids[0]!, ids.at(-1)!)
    await this.#all(claimed, async ({ runId, before }) => {
      const stored = await near.run(registration.id, runId)
      const continues = await nearTimelines?.getRunMeta(runId)
      const outbox = (await outboxes).get(runId) ?? []
      // It ended before it was claimed, or there is nobody here any more to go on with it.
      if (!stored || registration.isClosed) return 'done'
      const epoch = (before?.epoch ?? 0) + 1
      const left = outbox.map(({ key }) => key)
      const journal = this.#durability.journal(registration, runId, epoch, stored.revision, left)
      const checkpoint = parkPoison(registration.migrate(stored.checkpoint))
      registration.recoverRun({ ...stored, checkpoint }, journal, outbox, continues)
      this.recovered.push(runId)
      return 'ours'
    })
  }

  #all<Each extends { readonly runId: string } | RunRecord>(
    list: readonly Each[],
    takeOver: (each: Each) => Promise<'ours' | 'owned' | 'done'>,
  ): Promise<unknown> {
    const idOf = (each: Each) => ('runId' in each ? each.runId : each.checkpoint.runId)
    return Promise.all(list.map((each) => this.#each(idOf(each), () => takeOver(each))))
  }

  /** Of a run that has ended: the events it left with, and the hooks that are to hear of it. */
  async #takeOverEnd(
    found: UnsettledRecord & { readonly runId: string },
  ): Promise<'ours' | 'owned' | 'done'> {
    const { registry, ownership } = this.#durability
    const { runId, owner } = found
    const registration = this.#registration
    if (await this.#isOthers(owner)) return 'owned'
    const claim = await registry.claim(runId)
    const ended = await registry.ended(registration.id, runId)
    const unsettled = recordKeys.unsettled(registration.id, runId)
    // Counted before it is tried: an end that brings the process down must be known by it.
    const interruptions = (found.interruptions ?? 0) + (owner === ownership.id ? 0 : 1)
    const value: UnsettledRecord = { owner: ownership.id, interruptions }
    const isClaimed =
      ended &&
      (await this.#tryCommit([
        // Somebody may have settled it meanwhile: a claim on it would stay for ever.
        { type: 'expect', key: unsettled, field: 'owner', equals: owner },
        ...registry.claimOperations(runId, claim, ownership.id),
        { type: 'put', key: unsettled, value },
      ]))
    if (!isClaimed) return 'owned'
    const outbox = await registry.outbox(registration.id, runId)
    if (registration.isClosed) return 'done'
    const key = recordKeys.claim(runId)
    const isPoison = registration.tellsEnd && interruptions >= MAX_HOOK_INTERRUPTIONS
    const settled = this.#settle(ended, outbox, !isPoison).then(() =>
      registry.driver.commit([
        { type: 'expect', key, field: 'epoch', equals: (claim?.epoch ?? 0) + 1 },
        { type: 'delete', key },
        { type: 'delete', key: unsettled },
        { type: 'deletePrefix', prefix: recordKeys.outboxOf(registration.id, runId) },
      ]),
    )
    // What cannot be done now is found again by the next process.
    settled.catch((error: unknown) => {
      if (!registration.isClosed) this.#durability.context.report(error, `Run ${runId}: telling of its end`)
    })
    if (isPoison) {
      const message = `The hooks of run ${runId} were cut off ${interruptions} times: they are not called again`
      throw new SystemError('EXECUTION_FAILED', message, { context: { runId } })
    }
    return 'ours'
  }

  async #settle(ended: EndedRecord, outbox: readonly OutboxEntry[], callsHooks: boolean): Promise<void> {
    const { context } = this.#durability
    const { onComplete, onCleanup } = this.#registration.hooks
    await context.whenRegistered()
    for (const { event } of outbox) context.bus.dispatch(event as BusEvent)
    const received = context.written()
    if (callsHooks) {
      await callHook(context, 'onComplete', onComplete, toRunResult(ended))
      await callHook(context, 'onCleanup', onCleanup, undefined)
    }
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

  /** Whether nobody else was quicker. */
  async #tryCommit(operations: readonly StorageOperation[]): Promise<boolean> {
    try {
      await this.#durability.registry.driver.commit(operations)
      return true
    } catch (error) {
      if (isSystemError(error) && error.code === 'CONFLICT') return false
      throw error
    }
  }
}
