import { toMs } from '../../core/duration.js'
import { SystemError, isSystemError } from '../../core/system-error.js'
import type { StorageDriver, StorageOperation, StorageRecord } from '../../storage/storage-driver.js'
import type { TimelineStore } from '../../timeline/timeline-store.js'
import { recordKeys } from './record-keys.js'
import type { PruneReport, RetentionOptions } from './retention-options.js'
import type { AcceptedRecord, HistoryRecord, RememberedRecord } from './run-record.js'

const PAGE = 200

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

export interface PruneHost {
  readonly driver: StorageDriver
  /** Where the timelines of the runs are, if they are recorded. */
  readonly timelines: TimelineStore | undefined
  now(): number
  /** Asked between pages: whether to leave the rest for another time. @default never */
  isOver?(): boolean
}

/**
 * Removes what is left of runs that have ended, the first that ended first.
 *
 * It reads an index in the order of the ends, so it costs as much as it removes; only a number of runs or bytes has to be
 * counted. A run goes in one commit, its timeline before it: who dies in between is followed by one who finds the run in
 * the index again. The commit holds only while nobody has a claim on the run, so that nothing goes about whose end
 * something is still to be done.
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

class PrunePass {
  readonly report = { runs: 0, ids: 0, bytes: 0 }
  readonly #host: PruneHost
  readonly #limits: Limits

  constructor(host: PruneHost, limits: Limits) {
    this.#host = host
    this.#limits = limits
  }

  async run(): Promise<void> {
    await this.#pruneRuns()
    await this.#forgetIds()
  }

  async #pruneRuns(): Promise<void> {
    const { endedBefore, maxRuns, maxBytes } = this.#limits
    const excess =
      maxRuns === Infinity && maxBytes === Infinity ? { runs: 0, bytes: 0 } : await this.#countExcess()
    for await (const page of this.#pages(recordKeys.history)) {
      const going = page.filter(({ key, value }) => {
        const { bytes } = value as HistoryRecord
        const goes = recordKeys.instantOf(key) < endedBefore || excess.runs > 0 || excess.bytes > 0
        if (goes) {
          excess.runs--
          excess.bytes -= bytes
        }
        return goes
      })
      await Promise.all(going.map(({ key, value }) => this.#pruneRun(key, value as HistoryRecord)))
      if (going.length < page.length) return
    }
  }

  /** By how much the runs that ended exceed what may stay. */
  async #countExcess(): Promise<{ runs: number; bytes: number }> {
    const { maxRuns, maxBytes } = this.#limits
    let runs = 0
    let bytes = 0
    for await (const page of this.#pages(recordKeys.history)) {
      runs += page.length
      for (const { value } of page) bytes += (value as HistoryRecord).bytes
    }
    return { runs: runs - maxRuns, bytes: bytes - maxBytes }
  }

  async #pruneRun(key: string, run: HistoryRecord): Promise<void> {
    const { runId, workflowId, triggerId, eventId, bytes } = run
    const { driver, timelines } = this.#host
    const claim = recordKeys.claim(runId)
    if ((await driver.get(claim)) !== undefined) return
    await timelines?.deleteRun(runId)
    const accepted = recordKeys.accepted(workflowId, triggerId, eventId)
    const known = (await driver.get(accepted)) as AcceptedRecord | undefined
    const isPruned = await this.#tryCommit([
      { type: 'expect', key: claim, field: 'epoch', equals: undefined },
      { type: 'expect', key, field: 'runId', equals: runId },
      { type: 'delete', key },
      { type: 'delete', key: recordKeys.ended(workflowId, runId) },
      ...(known?.runId === runId ? this.#forgetId(accepted, known) : []),
    ])
    if (!isPruned) return
    this.report.runs++
    this.report.bytes += bytes
  }

  /** Now, when its time has come; else it is noted when that will be. */
  #forgetId(accepted: string, { runId, at }: AcceptedRecord): readonly StorageOperation[] {
    const isDue = at < this.#limits.acceptedBefore
    if (isDue) this.report.ids++
    return [
      { type: 'expect', key: accepted, field: 'runId', equals: runId },
      isDue
        ? { type: 'delete', key: accepted }
        : { type: 'put', key: recordKeys.rememberedOf(at, runId), value: { runId, accepted } },
    ]
  }

  /** Ids of events of which nothing else is left. */
  async #forgetIds(): Promise<void> {
    for await (const page of this.#pages(recordKeys.remembered)) {
      const due = page.filter(({ key }) => recordKeys.instantOf(key) < this.#limits.acceptedBefore)
      await Promise.all(due.map((each) => this.#forgetRemembered(each)))
      if (due.length < page.length) return
    }
  }

  async #forgetRemembered({ key, value }: StorageRecord): Promise<void> {
    const { accepted, runId } = value as RememberedRecord
    const isForgotten = await this.#tryCommit([
      { type: 'expect', key: accepted, field: 'runId', equals: runId },
      { type: 'delete', key: accepted },
      { type: 'delete', key },
    ])
    if (isForgotten) this.report.ids++
    // Somebody else has forgotten it.
    else await this.#host.driver.commit([{ type: 'delete', key }])
  }

  /** Whether nobody came in between. */
  async #tryCommit(operations: readonly StorageOperation[]): Promise<boolean> {
    try {
      await this.#host.driver.commit(operations)
      return true
    } catch (error) {
      if (isSystemError(error) && error.code === 'CONFLICT') return false
      throw error
    }
  }

  async *#pages(prefix: string): AsyncGenerator<readonly StorageRecord[]> {
    for (let after: string | undefined; ;) {
      const range = after === undefined ? { prefix } : { prefix, after }
      if (this.#host.isOver?.()) return
      const page = await this.#host.driver.scan({ ...range, limit: PAGE, onDamaged: () => {} })
      if (page.length > 0) yield page
      if (page.length < PAGE) return
      after = page.at(-1)!.key
    }
  }
}
