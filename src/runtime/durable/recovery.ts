import type { BusEvent } from '../../core/bus-event.js'
import { SystemError, isSystemError } from '../../core/system-error.js'
import { callHook, callOnCleanup } from '../call-hook.js'
import { parkedRun } from '../fit-checkpoint.js'
import type { StorageOperation } from '../../storage/storage-driver.js'
import type { Registration } from '../registration.js'
import type { RunOrigin } from '../run-environment.js'
import { timelineSoFar } from '../timeline-so-far.js'
import type { Durability } from './durability.js'
import { MAX_HOOK_INTERRUPTIONS, parkPoison } from './park-poison.js'
import { recordKeys } from './record-keys.js'
import {
  type ClaimRecord,
  type EndedRecord,
  type RunRecord,
  type TicketRecord,
  type UnsettledRecord,
  toRunResult,
} from './run-record.js'
import type { OutboxEntry } from './store-registry.js'
import { UnsettledEnd } from './unsettled-ends.js'

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

/** Runs, and who owned them last. */
type Claims = ReadonlyMap<string, ClaimRecord>

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
    for await (const page of registry.claims(id, this.#park)) await this.#takeOverRuns(page)
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

  /** @returns whether it is ours now */
  async #each(runId: string, takeOver: () => Promise<'ours' | 'owned' | 'done'>): Promise<boolean> {
    if (this.#registration.isClosed || this.#durability.context.runs.isSeenTo(runId)) return false
    try {
      const outcome = await takeOver()
      if (outcome === 'owned') this.owned.push(runId)
      return outcome === 'ours'
    } catch (error) {
      this.#park(runId, error)
      return false
    }
  }

  readonly #park = (runId: string, error: unknown): SystemError => {
    const fault = isSystemError(error)
      ? error
      : new SystemError('STORAGE', String(error), { cause: error, context: { runId } })
    this.parked.push({ runId, error: fault })
    this.#durability.context.report(fault, `Run ${runId}: recovering it`)
    return fault
  }

  /** @returns what `act` resolves to; `undefined` where it fails, and nobody goes on with these runs */
  async #orPark<Value>(
    runs: ReadonlyMap<string, unknown>,
    act: () => Promise<Value>,
  ): Promise<Value | undefined> {
    try {
      return await act()
    } catch (error) {
      for (const runId of runs.keys()) this.#park(runId, error)
      return undefined
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
   * A page of runs: their claims are made together. What they go on from is read once they are, so that nothing is lost that
   * an owner who was thought dead has committed before.
   */
  async #takeOverRuns(page: Claims): Promise<void> {
    const free = await this.#notOwned(page)
    const fitting = await this.#fitting(free)
    await this.#goOnWith(await this.#claim(fitting))
  }

  async #notOwned(page: Claims): Promise<Claims> {
    const free = new Map<string, ClaimRecord>()
    for (const [runId, claim] of page) {
      if (this.#durability.context.runs.isSeenTo(runId)) continue
      try {
        if (await this.#isOthers(claim.owner)) this.owned.push(runId)
        else free.set(runId, claim)
      } catch (error) {
        this.#park(runId, error)
      }
    }
    return free
  }

  /** Without those of another version that nothing brings here: whoever can go on with them may claim them. */
  async #fitting(claims: Claims): Promise<Claims> {
    const { id, version } = this.#registration
    const others = [...claims].filter(([, claim]) => claim.version !== version)
    if (others.length === 0) return claims
    const fitting = new Map(claims)
    for (const [runId] of others) fitting.delete(runId)
    const ids = others.map(([runId]) => runId)
    const records = await this.#durability.registry.runs(id, ids, this.#park)
    for (const [runId, record] of records) {
      // It has ended meanwhile.
      if (!record) continue
      try {
        this.#registration.migrate(record.checkpoint)
        fitting.set(runId, claims.get(runId)!)
      } catch (error) {
        this.#park(runId, error)
      }
    }
    return fitting
  }

  /** All in one commit; one by one where somebody else was quicker with any of them. */
  async #claim(wanted: Claims): Promise<Claims> {
    const { ownership, registry } = this.#durability
    const { id, isClosed } = this.#registration
    if (wanted.size === 0 || isClosed) return new Map()
    const toTake = (runId: string, before: ClaimRecord) => registry.takeClaim(id, runId, before, ownership.id)
    if (wanted.size > 1) {
      const all = [...wanted].flatMap(([runId, before]) => toTake(runId, before))
      const isOurs = await this.#orPark(wanted, () => this.#tryCommit(all))
      if (isOurs === undefined) return new Map()
      if (isOurs) return wanted
    }
    const claimed = new Map<string, ClaimRecord>()
    const claimOne = async (runId: string, before: ClaimRecord) => {
      if (!(await this.#tryCommit(toTake(runId, before)))) return 'owned'
      claimed.set(runId, before)
      return 'ours'
    }
    await Promise.all([...wanted].map(([runId, before]) => this.#each(runId, () => claimOne(runId, before))))
    return claimed
  }

  async #goOnWith(claimed: Claims): Promise<void> {
    if (claimed.size === 0) return
    const { registry } = this.#durability
    const { id } = this.#registration
    const ids = [...claimed.keys()].sort()
    const records = await registry.runs(id, ids, this.#park)
    const outboxes = await this.#orPark(records, () => registry.outboxes(id, ids[0]!, ids.at(-1)!))
    if (!outboxes) return
    const timelines = await this.#timelines(records)
    for (const [runId, record] of records) {
      // Nobody is here any more to go on with it.
      if (this.#registration.isClosed) return
      try {
        if (!record) throw missing(runId)
        this.#goOn(record, claimed.get(runId)!.epoch + 1, outboxes.get(runId) ?? [], timelines.get(runId))
        this.recovered.push(runId)
      } catch (error) {
        const fault = this.#park(runId, error)
        if (record) this.#durability.context.runs.park(parkedRun(record.checkpoint, fault))
      }
    }
  }

  /**
   * How far they have come. Where timelines are kept beside the runs, a record says so; that of a run that was imported, not
   * before it is saved again.
   */
  async #timelines(
    records: ReadonlyMap<string, RunRecord | undefined>,
  ): Promise<ReadonlyMap<string, RunOrigin['continues']>> {
    const { timelines, context } = this.#durability
    const found = [...records].map(async ([runId, record]) => {
      const isSaid = timelines && (record?.timeline ?? record?.checkpoint.root.isNew)
      return [runId, isSaid ? record?.timeline : await timelineSoFar(context, runId)] as const
    })
    return new Map(await Promise.all(found))
  }

  #goOn(
    stored: RunRecord,
    epoch: number,
    outbox: readonly OutboxEntry[],
    continues: RunOrigin['continues'],
  ): void {
    const registration = this.#registration
    const { runId, version } = stored.checkpoint
    const journal = this.#durability.journal(registration, runId, epoch, stored.revision, {
      outbox: outbox.map(({ key }) => key),
      isMigrated: version !== registration.version,
    })
    const checkpoint = parkPoison(registration.migrate(stored.checkpoint))
    registration.recoverRun(Object.assign({}, stored, { checkpoint }), journal, outbox, continues)
  }

  /** Of a run that has ended: the events it left with, and the hooks that are to hear of it. */
  async #takeOverEnd(
    found: UnsettledRecord & { readonly runId: string },
  ): Promise<'ours' | 'owned' | 'done'> {
    const { registry, ownership } = this.#durability
    const { runId, owner } = found
    const registration = this.#registration
    const { unsettled, patience } = registration.store!
    if (owner === ownership.id && unsettled.has(runId)) return 'done'
    if (await this.#isOthers(owner)) return 'owned'
    const ended = await registry.ended(registration.id, runId)
    const key = recordKeys.unsettled(registration.id, runId)
    const epoch = found.epoch + 1
    // Counted before it is tried: an end that brings the process down must be known by it.
    const interruptions = (found.interruptions ?? 0) + (owner === ownership.id ? 0 : 1)
    const value: UnsettledRecord = { epoch, owner: ownership.id, interruptions }
    const isOurs =
      ended &&
      (await this.#tryCommit([
        { type: 'expect', key, field: 'epoch', equals: found.epoch },
        { type: 'put', key, value },
      ]))
    if (!isOurs) return 'owned'
    const outbox = await registry.outbox(registration.id, runId)
    if (registration.isClosed) return 'done'
    const end = new UnsettledEnd(runId)
    unsettled.add(end)
    const isPoison = registration.tellsEnd && interruptions >= MAX_HOOK_INTERRUPTIONS
    const settled = this.#settle(ended, outbox, !isPoison)
      .then(() => patience.bound(registry.driver.commit(registry.settleEnd(registration.id, runId, epoch))))
      .finally(() => unsettled.delete(end))
    // What cannot be done now is found again by the next process.
    const told = settled.catch((error: unknown) => {
      if (!registration.isClosed) this.#durability.context.report(error, `Run ${runId}: telling of its end`)
    })
    this.#durability.context.telling(told)
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
      await callOnCleanup(context, onCleanup)
    }
    await received
  }

  async #takeOverTicket(ticket: TicketRecord): Promise<'ours' | 'owned' | 'done'> {
    const { ownership } = this.#durability
    const { id } = this.#registration
    const { runId, owner } = ticket
    if (this.#registration.holds(runId)) return 'done'
    if (await this.#isOthers(owner)) return 'owned'
    const key = recordKeys.ticket(id, runId)
    const isTaken = await this.#tryCommit([
      { type: 'expect', key, field: 'owner', equals: owner },
      { type: 'put', key, value: { ...ticket, owner: ownership.id } },
    ])
    if (isTaken) return 'ours'
    // One of this process may have come to nothing since it was read.
    return owner === ownership.id ? 'done' : 'owned'
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

function missing(runId: string): SystemError {
  const message = `Cannot go on with run ${runId}: it has a claim, and no record; delete the claim if it was removed by hand`
  return new SystemError('NOT_FOUND', message, { context: { runId } })
}
