import type { StorageDriver, StorageOperation } from '../../storage/storage-driver.js'
import type { RunBundle } from '../run-bundle.js'
import { recordKeys } from './record-keys.js'
import {
  type ClaimRecord,
  type EndedRecord,
  type RunRecord,
  type TicketRecord,
  type UnsettledRecord,
  assertKnownLayout,
} from './run-record.js'

const PAGE = 500

/** An event that was to be published, and the key under which it is kept until it was. */
export interface OutboxEntry {
  readonly key: string
  readonly event: unknown
}

/** What a runtime keeps of its runs, over any store of records. */
export class StoreRegistry {
  readonly driver: StorageDriver

  constructor(driver: StorageDriver) {
    this.driver = driver
  }

  /**
   * The runs of a workflow that have not ended, oldest first, a page at a time.
   *
   * @param onDamaged Told of records that cannot be read; the others are given all the same.
   */
  async *unfinishedRuns(
    workflowId: string,
    onDamaged: (error: unknown) => void,
  ): AsyncGenerator<readonly RunRecord[]> {
    for await (const page of this.#pages(recordKeys.runs(workflowId), onDamaged)) {
      yield page.flatMap(({ key, value }) => {
        try {
          assertKnownLayout(value as RunRecord, key)
          return [value as RunRecord]
        } catch (error) {
          onDamaged(error)
          return []
        }
      })
    }
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

  exported(runId: string): Promise<RunBundle | undefined> {
    return this.driver.get(recordKeys.exported(runId)) as Promise<RunBundle | undefined>
  }

  claim(runId: string): Promise<ClaimRecord | undefined> {
    return this.driver.get(recordKeys.claim(runId)) as Promise<ClaimRecord | undefined>
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

  /**
   * Makes `owner` the one who may commit for a run, if nobody else became it since `before` was read.
   * The returned operations are to be committed together with what the new owner writes first.
   */
  claimOperations(
    runId: string,
    before: ClaimRecord | undefined,
    owner: string,
  ): readonly StorageOperation[] {
    const key = recordKeys.claim(runId)
    const claim: ClaimRecord = { epoch: (before?.epoch ?? 0) + 1, owner }
    return [
      { type: 'expect', key, field: 'epoch', equals: before?.epoch },
      { type: 'put', key, value: claim },
    ]
  }

  /** That the run has not ended, nor gone elsewhere. */
  expectRun(workflowId: string, { layout, checkpoint }: RunRecord): StorageOperation {
    return {
      type: 'expect',
      key: recordKeys.run(workflowId, checkpoint.runId),
      field: 'layout',
      equals: layout,
    }
  }

  async *#pages(prefix: string, onDamaged?: (error: unknown) => void, from?: string) {
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
