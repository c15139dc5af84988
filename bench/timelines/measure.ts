import { openDB } from 'idb'
import { indexedDbStorage } from '../../src/storage/indexeddb/index.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import type { TimelineEvent } from '../../src/timeline/timeline-event.js'
import type { RunTimelineMeta, TimelineBatch } from '../../src/timeline/timeline-store.js'

/** Events per second, of each round. */
export interface Measured {
  readonly raw: readonly number[]
  readonly rawRowPerEvent: readonly number[]
  readonly busline: readonly number[]
}

export interface MeasureOptions {
  readonly rounds: number
  readonly batches: number
  readonly batchSize: number
  readonly durability: 'strict' | 'relaxed'
}

type Append = (batch: TimelineBatch) => Promise<unknown>

/** Appends the same batches to timelines and by hand, one after the other, in turns, each to a database of its own. */
export async function measure(options: MeasureOptions): Promise<Measured> {
  const raw: number[] = []
  const rawRowPerEvent: number[] = []
  const busline: number[] = []
  const contestants = [
    async (round: number) => raw.push(await time(await openRaw(`raw-${round}`, options, putBatch), options)),
    async (round: number) =>
      rawRowPerEvent.push(await time(await openRaw(`rows-${round}`, options, putEvents), options)),
    async (round: number) => busline.push(await time(openTimelines(`busline-${round}`, options), options)),
  ]
  for (let round = 0; round <= options.rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      await contestants[(turn + round) % contestants.length]!(round)
    }
  }
  // The first round is that of code that is not compiled yet.
  return { raw: raw.slice(1), rawRowPerEvent: rawRowPerEvent.slice(1), busline: busline.slice(1) }
}

async function time(
  { append, close }: { readonly append: Append; readonly close: () => Promise<void> },
  { batches, batchSize }: MeasureOptions,
): Promise<number> {
  const all = Array.from({ length: batches }, (_, index) => batchOf(index, batchSize))
  const start = performance.now()
  for (const batch of all) await append(batch)
  const seconds = (performance.now() - start) / 1000
  await close()
  return (batches * batchSize) / seconds
}

function openTimelines(name: string, { durability }: MeasureOptions) {
  const storage = indexedDbStorage({ name, durability })
  const store = new StoredTimelineStore(storage)
  return { append: (batch: TimelineBatch) => store.append([batch]), close: () => storage.close() }
}

type Put = (store: { put(value: unknown): unknown }, batch: TimelineBatch) => void

async function openRaw(name: string, { durability }: MeasureOptions, put: Put) {
  const database = await openDB(name, 1, {
    upgrade: (opened) => void opened.createObjectStore('records', { keyPath: 'key' }),
  })
  const append = async (batch: TimelineBatch) => {
    const transaction = database.transaction('records', 'readwrite', { durability })
    put(transaction.store, batch)
    await transaction.done
  }
  return {
    append,
    close: () => {
      database.close()
      return Promise.resolve()
    },
  }
}

const putBatch: Put = (store, { meta, events }) => {
  void store.put({ key: `events/${meta.runId}/${events[0]!.seq}`, value: events })
  void store.put({ key: `run/${meta.runId}`, value: meta })
}

const putEvents: Put = (store, { meta, events }) => {
  for (const event of events) void store.put({ key: `events/${meta.runId}/${event.seq}`, value: event })
  void store.put({ key: `run/${meta.runId}`, value: meta })
}

/** Events as a run has them: stages, steps, and every fifth a commit with its patches. */
function batchOf(index: number, size: number): TimelineBatch {
  const runId = '01a1fdd4-0b19-74d7-a4b4-2854f6faa6db'
  const first = index * size + 1
  const events = Array.from({ length: size }, (_, at): TimelineEvent => {
    const seq = first + at
    const common = { runId, seq, timestamp: 1_760_000_000_000 + seq }
    if (seq % 5 === 0) {
      return {
        ...common,
        source: 'store',
        type: 'state:commit',
        payload: { stageId: 'charge' },
        delta: [{ op: 'replace', path: ['total'], value: seq }],
      }
    }
    const payload = { pipelineId: 'main', stageId: 'charge', stepId: 'card', path: 'charge/card', attempt: 1 }
    return { ...common, source: 'pipeline', type: 'step:success', payload }
  })
  const meta: RunTimelineMeta = {
    runId,
    workflowId: 'orders',
    pipelineId: 'main',
    startTime: 1_760_000_000_000,
    status: 'recording',
    eventCount: first + size - 1,
    snapshotInterval: 100,
    snapshotSeqs: [1],
  }
  return { meta, events, ...(index === 0 ? {} : { previousStatus: 'recording' as const }) }
}
