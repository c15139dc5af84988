import { OptionReader } from '../../core/option-reader.js'
import { type SerializedError, describe } from '../../core/system-error.js'
import type { StorageDriver } from '../../storage/storage-driver.js'
import type { ThresholdResult } from '../load/thresholds.js'
import type { RunnerOptions } from '../runner/runner-options.js'
import type { RunnerRecord } from './runner-record.js'
import { RUNNER_STATES, type RunnerState, type StateChange } from '../runner/runner-state.js'
import type { TelemetrySnapshot } from '../telemetry/telemetry-snapshot.js'

/** A runner that has ended. Plain JSON data. */
export interface ArchiveEntry {
  readonly runnerId: string
  readonly workerId: string
  readonly runnerOptions: RunnerOptions
  readonly optionsRevision: number
  /** How it ended. */
  readonly state: RunnerState
  /** Epoch milliseconds. */
  readonly addedAt: number
  readonly endedAt: number
  /** Its changes of state, in order; the newest 200. */
  readonly runnerHistory: readonly StateChange[]
  /** At most 100 of them, evenly over its life, and the last. */
  readonly telemetrySnapshots: readonly TelemetrySnapshot[]
  /** How its thresholds stood at the end, where it had some; one that was terminated has no verdict. */
  readonly thresholds?: readonly ThresholdResult[]
  /** The threshold that stopped it. */
  readonly breach?: ThresholdResult
  /** Why it failed. */
  readonly error?: SerializedError
}

/** Which entries are wanted; `{}` is all of them. */
export interface ArchiveFilter {
  readonly runnerId?: string
  readonly workerId?: string
  readonly state?: RunnerState
  readonly tag?: string
  /** Only those that ended at this instant or later, epoch milliseconds. */
  readonly since?: number
  /** At most so many, the newest ones. From 1. @default Infinity */
  readonly limit?: number
}

export interface ArchiveManagerOptions {
  readonly maxLength: number
  readonly storage?: StorageDriver | undefined
  readonly prefix: string
  readonly onFault: (error: unknown) => void
}

const TEXTS = ['runnerId', 'workerId', 'tag']
const FILTERS = [...TEXTS, 'state', 'since', 'limit']

/** The runners that ended, the oldest first. The oldest go when there are too many. */
export class ArchiveManager {
  readonly #options: ArchiveManagerOptions
  readonly #entries: ArchiveEntry[] = []
  #loading: Promise<void> | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(options: ArchiveManagerOptions) {
    this.#options = options
    // At once: what an earlier manager left counts for the bound.
    this.load().catch(options.onFault)
  }

  /** To be called once per runner, when it is in its final state. */
  add(record: RunnerRecord): ArchiveEntry {
    const last = record.history.at(-1)
    const entry: ArchiveEntry = {
      runnerId: record.runnerId,
      workerId: record.workerId,
      runnerOptions: record.options,
      optionsRevision: record.optionsRevision,
      state: record.state,
      addedAt: record.addedAt,
      endedAt: last?.at ?? record.addedAt,
      runnerHistory: record.history,
      telemetrySnapshots: record.sample.list(),
      ...(record.state !== 'terminated' && record.watch?.verdict()),
      ...(last?.error && { error: last.error }),
    }
    if (this.#options.maxLength === 0) return entry
    this.#entries.push(entry)
    this.#store(entry, this.#trim())
    return entry
  }

  /** @throws {SystemError} `VALIDATION` when the filter is malformed, `STORAGE` when the store cannot be read. */
  async getArchiveList(filter: ArchiveFilter = {}): Promise<readonly ArchiveEntry[]> {
    checkFilter(filter)
    await this.load()
    const { runnerId, workerId, state, tag, since, limit = Infinity } = filter
    const found = this.#entries.filter(
      (entry) =>
        (runnerId === undefined || entry.runnerId === runnerId) &&
        (workerId === undefined || entry.workerId === workerId) &&
        (state === undefined || entry.state === state) &&
        (tag === undefined || entry.runnerOptions.tags?.includes(tag)) &&
        (since === undefined || entry.endedAt >= since),
    )
    return limit === Infinity ? found : found.slice(-limit)
  }

  /** Reads what an earlier manager left in the store. */
  load(): Promise<void> {
    this.#loading ??= this.#read().catch((error: unknown) => {
      this.#loading = undefined
      throw error
    })
    return this.#loading
  }

  /** Resolves when everything is in the store. */
  async settled(): Promise<void> {
    await this.#loading?.catch(() => {})
    await this.#writing
  }

  async #read(): Promise<void> {
    const { storage, prefix, maxLength } = this.#options
    if (!storage || maxLength === 0) return
    const limit = Math.min(maxLength, 1_000_000)
    const records = await storage.scan({ prefix, reverse: true, limit, onDamaged: this.#options.onFault })
    const known = new Set(this.#entries.map(({ runnerId }) => runnerId))
    const earlier = records
      .map(({ value }) => value as ArchiveEntry)
      .filter(({ runnerId }) => !known.has(runnerId))
    this.#entries.unshift(...earlier.reverse())
    const excess = this.#trim()
    if (excess.length > 0) this.#store(undefined, excess)
  }

  #trim(): ArchiveEntry[] {
    return this.#entries.splice(0, Math.max(0, this.#entries.length - this.#options.maxLength))
  }

  #store(entry: ArchiveEntry | undefined, gone: readonly ArchiveEntry[]): void {
    const { storage, onFault } = this.#options
    if (!storage) return
    const put = entry ? [{ type: 'put' as const, key: this.#key(entry), value: toJson(entry) }] : []
    const remove = gone.map((each) => ({ type: 'delete' as const, key: this.#key(each) }))
    // One after the other: an entry must not be deleted before it is there.
    this.#writing = this.#writing.then(() => storage.commit([...put, ...remove])).catch(onFault)
  }

  /** Sorted by the instant of the end. */
  #key({ endedAt, runnerId }: ArchiveEntry): string {
    return `${this.#options.prefix}${String(endedAt).padStart(15, '0')}-${runnerId}`
  }
}

/** SQL drivers keep JSON: what only structured clone carries is left out, not refused. */
function toJson(entry: ArchiveEntry): unknown {
  try {
    return JSON.parse(JSON.stringify(entry))
  } catch (error) {
    return { ...entry, runnerOptions: { testType: entry.runnerOptions.testType }, note: describe(error) }
  }
}

/** What is malformed would find nothing, or everything, without a word. */
function checkFilter(filter: ArchiveFilter): void {
  const reader = new OptionReader()
  const given: Readonly<Record<string, unknown>> = reader.group('filter', filter)
  for (const name of Object.keys(given)) {
    if (!FILTERS.includes(name)) reader.refuse(name, `is not known: allowed are ${FILTERS.join(', ')}`)
  }
  for (const name of TEXTS) {
    const value = given[name]
    if (value !== undefined && typeof value !== 'string') reader.refuse(name, 'must be a string')
  }
  const { state, since, limit } = given
  if (state !== undefined && !(RUNNER_STATES as readonly unknown[]).includes(state)) {
    reader.refuse('state', `must be one of ${RUNNER_STATES.join(', ')}`)
  }
  if (since !== undefined && (typeof since !== 'number' || Number.isNaN(since))) {
    reader.refuse('since', 'must be a number, epoch milliseconds')
  }
  reader.whole('limit', limit, Infinity, 1)
  reader.finish('list the archive')
}
