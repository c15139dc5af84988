import type { SystemError } from '../../core/system-error.js'
import type { StorageDriver, StorageOperation } from '../../storage/storage-driver.js'
import type { RunBundle } from '../run-bundle.js'
import { readMany } from './read-many.js'
import { recordKeys } from './record-keys.js'
import {
  type ClaimRecord,
  type EndedRecord,
  type RunRecord,
  type TicketRecord,
  type UnsettledRecord,
  assertKnownLayout,
  claimRecord,
} from './run-record.js'

const PAGE = 500

/** An event that was to be published, and the key under which it is kept until it was. */
export interface OutboxEntry {
  readonly key: string
  readonly event: unknown
}

/** Told of a run whose record cannot be read, or was stored by a newer Busline. */
export type OnUnreadable = (runId: string, error: unknown) => void

/** What a runtime keeps of its runs, over any store of records. */
export class StoreRegistry {
  readonly driver: StorageDriver

  constructor(driver: StorageDriver) {
    this.driver = driver
  }

  /** The claims on the runs of a workflow, which are those that have not ended: oldest first, a page at a time. */
  async *claims(
    workflowId: string,
    onUnreadable: OnUnreadable,
  ): AsyncGenerator<ReadonlyMap<string, ClaimRecord>> {
    const prefix = recordKeys.claims(workflowId)
    const onDamaged = (error: SystemError) =>
      onUnreadable(String(error.context['key']).slice(prefix.length), error)
    for await (const page of this.#pages(prefix, onDamaged)) {
      const claims = new Map<string, ClaimRecord>()
      for (const { key, value } of page) {
        putKnown(claims, key.slice(prefix.length), key, value as ClaimRecord, onUnreadable)
      }
      yield claims
    }
  }

  /** Runs that have not ended, by id; `undefined` where there is none. Those that cannot be read are left out. */
  async runs(
    workflowId: string,
    runIds: readonly string[],
    onUnreadable: OnUnreadable,
  ): Promise<ReadonlyMap<string, RunRecord | undefined>> {
    const keys = runIds.map((runId) => recordKeys.run(workflowId, runId))
    const found = await readMany(this.driver, keys, (index, error) => onUnreadable(runIds[index]!, error))
    const runs = new Map<string, RunRecord | undefined>()
    runIds.forEach((runId, index) => {
      const key = keys[index]!
      const record = found.get(key) as RunRecord | undefined
      if (record) putKnown(runs, runId, key, record, onUnreadable)
      else if (found.has(key)) runs.set(runId, undefined)
    })
    return runs
  }

  /** Runs that have ended, and about whose end something is still to be done. */
  async *unsettledRuns(
    workflowId: string,
    onDamaged: (error: unknown) => void,
  ): AsyncGenerator<readonly (UnsettledRecord & { readonly runId: string })[]> {
    const prefix = recordKeys.unsettledRuns(workflowId)
    for await (const page of this.#pages(prefix, onDamaged)) {
      yield page.map(({ key, value }) => ({
        runId: key.slice(prefix.length),
        ...(value as UnsettledRecord),
      }))
    }
  }

  /** Events that were accepted and still wait, in the order they came. */
  async waitingTickets(
    workflowId: string,
    onDamaged: (error: unknown) => void,
  ): Promise<readonly TicketRecord[]> {
    const tickets: TicketRecord[] = []
    for await (const page of this.#pages(recordKeys.tickets(workflowId), onDamaged)) {
      tickets.push(...page.map(({ value }) => value as TicketRecord))
    }
    return tickets
  }

  ticket(workflowId: string, runId: string): Promise<TicketRecord | undefined> {
    return this.driver.get(recordKeys.ticket(workflowId, runId)) as Promise<TicketRecord | undefined>
  }

  run(workflowId: string, runId: string): Promise<RunRecord | undefined> {
    return this.driver.get(recordKeys.run(workflowId, runId)) as Promise<RunRecord | undefined>
  }

  ended(workflowId: string, runId: string): Promise<EndedRecord | undefined> {
    return this.driver.get(recordKeys.ended(workflowId, runId)) as Promise<EndedRecord | undefined>
  }

  unsettled(workflowId: string, runId: string): Promise<UnsettledRecord | undefined> {
    return this.driver.get(recordKeys.unsettled(workflowId, runId)) as Promise<UnsettledRecord | undefined>
  }

  exported(runId: string): Promise<RunBundle | undefined> {
    return this.driver.get(recordKeys.exported(runId)) as Promise<RunBundle | undefined>
  }

  claim(workflowId: string, runId: string): Promise<ClaimRecord | undefined> {
    return this.driver.get(recordKeys.claim(workflowId, runId)) as Promise<ClaimRecord | undefined>
  }

  /** Events that are to be published, by run: of the runs from `first` to `last`, in the order of their ids. */
  async outboxes(
    workflowId: string,
    first: string,
    last: string,
  ): Promise<ReadonlyMap<string, readonly OutboxEntry[]>> {
    const prefix = recordKeys.outboxes(workflowId)
    const byRun = new Map<string, OutboxEntry[]>()
    for await (const page of this.#pages(prefix, undefined, prefix + first)) {
      for (const { key, value } of page) {
        const runId = key.slice(prefix.length, key.lastIndexOf('/'))
        if (runId > last) return byRun
        const entries = byRun.get(runId)
        if (entries) entries.push({ key, event: value })
        else byRun.set(runId, [{ key, event: value }])
      }
    }
    return byRun
  }

  async outbox(workflowId: string, runId: string): Promise<readonly OutboxEntry[]> {
    const records = await this.driver.scan({ prefix: recordKeys.outboxOf(workflowId, runId) })
    return records.map(({ key, value }) => ({ key, event: value }))
  }

  /** Makes `owner` the one who may commit for a run, if nobody else became it since `before` was read, nor did the run end. */
  takeClaim(
    workflowId: string,
    runId: string,
    before: ClaimRecord,
    owner: string,
  ): readonly StorageOperation[] {
    const key = recordKeys.claim(workflowId, runId)
    return [
      { type: 'expect', key, field: 'epoch', equals: before.epoch },
      // The version stays, as the record does.
      { type: 'put', key, value: claimRecord(before.epoch + 1, owner, before.version) },
    ]
  }

  /** Everything is done about the end of a run, by the one who holds that epoch. */
  settleEnd(workflowId: string, runId: string, epoch: number): readonly StorageOperation[] {
    const key = recordKeys.unsettled(workflowId, runId)
    return [
      { type: 'expect', key, field: 'epoch', equals: epoch },
      { type: 'delete', key },
      { type: 'deletePrefix', prefix: recordKeys.outboxOf(workflowId, runId) },
    ]
  }

  async *#pages(prefix: string, onDamaged?: (error: SystemError) => void, from?: string) {
    for (let after = from; ;) {
      const page = await this.driver.scan({
        prefix,
        limit: PAGE,
        ...(onDamaged ? { onDamaged } : {}),
        ...(after === undefined ? {} : { after }),
      })
      if (page.length > 0) yield page
      if (page.length < PAGE) return
      after = page.at(-1)!.key
    }
  }
}

function putKnown<Stored extends { readonly layout: number }>(
  into: Map<string, Stored | undefined>,
  runId: string,
  key: string,
  record: Stored,
  onUnreadable: OnUnreadable,
): void {
  try {
    assertKnownLayout(record, key)
    into.set(runId, record)
  } catch (error) {
    onUnreadable(runId, error)
  }
}
