import { toMs } from '../../core/duration.js'
import { SystemError, isSystemError } from '../../core/system-error.js'
import type { StorageOperation, StorageRecord } from '../../storage/storage-driver.js'
import type { StoredTimelineStore } from '../../timeline/stored-timeline-store.js'
import type { TimelineStore } from '../../timeline/timeline-store.js'
import { HistoryTotals, type TotalsHost, isUnreadable } from './history-totals.js'
import { recordKeys } from './record-keys.js'
import type { PruneReport, RetentionOptions } from './retention-options.js'
import type { AcceptedRecord, HistoryRecord, RememberedRecord } from './run-record.js'

/** As many runs go in one commit: more would hold others up. */
const PAGE = 100

const NONE = { runs: 0, bytes: 0 }

/** How long the id of an event is known, when nobody says otherwise. */
const REMEMBER_IDS = '7d'

interface Limits {
  /** Runs that ended before this instant go, epoch milliseconds. */
  readonly endedBefore: number
  /** Ids of events that were accepted before this instant may be forgotten. */
  readonly acceptedBefore: number
  readonly maxRuns: number
  readonly maxBytes: number
}

export interface PruneHost extends TotalsHost {
  /** Where the timelines of the runs are, if they are recorded elsewhere than beside them. */
  readonly timelines?: TimelineStore | undefined
  /** Where they are beside the runs. */
  readonly shared?: StoredTimelineStore | undefined
  /** Asked between pages: whether to leave the rest for another time. @default never */
  isOver?(): boolean
}

/**
 * Removes what is left of runs that have ended, the first that ended first.
 *
 * It reads an index in the order of the ends, as far as something goes; what stays is counted by {@link HistoryTotals}. A page
 * of runs goes in one commit, timelines kept elsewhere before it: who dies in between is followed by one who finds the runs
 * in the index again. The commit holds only while nothing is still to be done about the end of any of them.
 */
export async function prune(host: PruneHost, options: RetentionOptions): Promise<PruneReport> {
  const pass = new PrunePass(host, readLimits(options, host.now()))
  await pass.run()
  return pass.report
}

/** @throws {SystemError} `VALIDATION` */
export function checkRetention({ olderThan, rememberIds, maxRuns, maxBytes }: RetentionOptions): void {
  if (olderThan !== undefined) toMs(olderThan)
  if (rememberIds !== undefined) toMs(rememberIds)
  for (const [name, limit] of Object.entries({ maxRuns, maxBytes })) {
    if (limit === undefined || limit >= 0) continue
    throw new SystemError('VALIDATION', `Cannot prune with "${name}" of ${limit}: it must be 0 or more`)
  }
}

function readLimits(options: RetentionOptions, now: number): Limits {
  checkRetention(options)
  const { olderThan, rememberIds = REMEMBER_IDS, maxRuns = Infinity, maxBytes = Infinity } = options
  return {
    endedBefore: olderThan === undefined ? -Infinity : now - toMs(olderThan),
    acceptedBefore: now - toMs(rememberIds),
    maxRuns,
    maxBytes,
  }
}

/** What it takes to remove a run. */
interface Removal {
  readonly record: StorageRecord
  readonly operations: readonly StorageOperation[]
  /** Whether the id of its event goes as well. */
  readonly isForgotten: boolean
}

class PrunePass {
  readonly report = { runs: 0, ids: 0, bytes: 0 }
  #fault: SystemError | undefined
  readonly #host: PruneHost
  readonly #limits: Limits

  constructor(host: PruneHost, limits: Limits) {
    this.#host = host
    this.#limits = limits
  }

  async run(): Promise<void> {
    // Each time somebody else has removed something meanwhile: from there.
    while (!(await this.#holds(() => this.#pruneRuns())));
    await this.#forgetIds()
    if (this.#fault !== undefined) throw this.#fault
  }

  async #pruneRuns(): Promise<void> {
    const { endedBefore, maxRuns, maxBytes } = this.#limits
    const totals = await HistoryTotals.read(this.#host)
    const isCounted = maxRuns < Infinity || maxBytes < Infinity
    const there = isCounted ? await totals.count((after) => this.#pages(recordKeys.history, after)) : NONE
    let [excessRuns, excessBytes] = [there.runs - maxRuns, there.bytes - maxBytes]
    for await (const page of this.#pages(recordKeys.history)) {
      const going = page.filter(({ key, value }) => {
        const goes = recordKeys.instantOf(key) < endedBefore || excessRuns > 0 || excessBytes > 0
        if (goes) {
          excessRuns--
          excessBytes -= (value as HistoryRecord).bytes
        }
        return goes
      })
      await this.#pruneTogether(going, totals)
      if (going.length < page.length) break
    }
    if (!this.#host.isOver?.()) await totals.keep()
  }

  async #pruneTogether(records: readonly StorageRecord[], totals: HistoryTotals): Promise<void> {
    const removals = (await Promise.all(records.map((each) => this.#removalOf(each)))).filter(
      (each) => each !== undefined,
    )
    if (removals.length === 0) return
    await totals.remove(
      removals.map(({ record }) => record),
      removals.flatMap(({ operations }) => operations),
    )
    for (const { record, isForgotten } of removals) {
      this.report.runs++
      this.report.bytes += (record.value as HistoryRecord).bytes
      if (isForgotten) this.report.ids++
    }
  }

  /** `undefined` for one that stays: something is still to be done about its end, or it cannot be read. */
  async #removalOf(record: StorageRecord): Promise<Removal | undefined> {
    const { runId, workflowId, triggerId, eventId } = record.value as HistoryRecord
    const { driver, timelines, shared } = this.#host
    const unsettled = recordKeys.unsettled(workflowId, runId)
    try {
      if ((await driver.get(unsettled)) !== undefined) return undefined
      await timelines?.deleteRun(runId)
      const accepted = recordKeys.accepted(workflowId, triggerId, eventId)
      const known = (await driver.get(accepted)) as AcceptedRecord | undefined
      const isKnown = known?.runId === runId
      return {
        record,
        operations: [
          { type: 'expect', key: unsettled, field: 'epoch', equals: undefined },
          ...((await shared?.deletion(runId)) ?? []),
          { type: 'delete', key: record.key },
          { type: 'delete', key: recordKeys.ended(workflowId, runId) },
          ...(isKnown ? this.#forgetId(accepted, known) : []),
        ],
        isForgotten: isKnown && this.#isDue(known.at),
      }
    } catch (error) {
      if (!isUnreadable(error)) throw error
      // The others go, and whoever prunes is told.
      this.#fault ??= error
      return undefined
    }
  }

  /** Now, when its time has come; else it is noted when that will be. */
  #forgetId(accepted: string, { runId, at }: AcceptedRecord): readonly StorageOperation[] {
    return [
      { type: 'expect', key: accepted, field: 'runId', equals: runId },
      this.#isDue(at)
        ? { type: 'delete', key: accepted }
        : { type: 'put', key: recordKeys.rememberedOf(at, runId), value: { runId, accepted } },
    ]
  }

  #isDue(acceptedAt: number): boolean {
    return acceptedAt < this.#limits.acceptedBefore
  }

  /** Ids of events of which nothing else is left. */
  async #forgetIds(): Promise<void> {
    for await (const page of this.#pages(recordKeys.remembered)) {
      const due = page.filter(({ key }) => this.#isDue(recordKeys.instantOf(key)))
      await Promise.all(due.map((each) => this.#forgetRemembered(each)))
      if (due.length < page.length) return
    }
  }

  async #forgetRemembered({ key, value }: StorageRecord): Promise<void> {
    const { accepted, runId } = value as RememberedRecord
    const isForgotten = await this.#holds(() =>
      this.#host.driver.commit([
        { type: 'expect', key: accepted, field: 'runId', equals: runId },
        { type: 'delete', key: accepted },
        { type: 'delete', key },
      ]),
    )
    if (isForgotten) this.report.ids++
    // Somebody else has forgotten it.
    else await this.#host.driver.commit([{ type: 'delete', key }])
  }

  /** Whether nobody came in between. */
  async #holds(act: () => Promise<void>): Promise<boolean> {
    try {
      await act()
      return true
    } catch (error) {
      if (isSystemError(error) && error.code === 'CONFLICT') return false
      throw error
    }
  }

  async *#pages(prefix: string, from?: string): AsyncGenerator<readonly StorageRecord[]> {
    for (let after = from; ;) {
      const range = after === undefined ? { prefix } : { prefix, after }
      if (this.#host.isOver?.()) return
      const page = await this.#host.driver.scan({ ...range, limit: PAGE, onDamaged: () => {} })
      if (page.length > 0) yield page
      if (page.length < PAGE) return
      after = page.at(-1)!.key
    }
  }
}
