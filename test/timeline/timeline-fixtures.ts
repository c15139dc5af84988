import { memoryStorage } from '../../src/storage/memory-storage.js'
import { encodeJson } from '../../src/storage/encode-json.js'
import type { StorageDriver } from '../../src/storage/storage-driver.js'
import type { SimulatedClock } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import { StoredTimelineStore } from '../../src/timeline/stored-timeline-store.js'
import type { TimelineEvent } from '../../src/timeline/timeline-event.js'
import type { RunTimelineMeta, TimelineBatch, TimelineStore } from '../../src/timeline/timeline-store.js'

/** A driver that keeps JSON, as those for SQL do: what JSON cannot hold is refused. */
export function jsonStorage(): StorageDriver {
  const driver = memoryStorage()
  return {
    ...driver,
    get: async (key) => {
      const json = await driver.get(key)
      return json === undefined ? undefined : JSON.parse(json as string)
    },
    scan: async (options) =>
      (await driver.scan(options)).map(({ key, value }) => ({ key, value: JSON.parse(value as string) })),
    commit: (operations) =>
      driver.commit(
        operations.map((each) => (each.type === 'put' ? { ...each, value: encodeJson(each.value) } : each)),
      ),
  }
}

/** Every kind of store, by name. */
export const STORES: readonly (readonly [string, (clock: SimulatedClock) => TimelineStore])[] = [
  ['MemoryTimelineStore', (clock) => new MemoryTimelineStore({ clock })],
  ['StoredTimelineStore', (clock) => new StoredTimelineStore(memoryStorage(), { clock })],
]

export function metaOf(runId: string, facts: Partial<RunTimelineMeta> = {}): RunTimelineMeta {
  return {
    runId,
    workflowId: 'orders',
    pipelineId: 'main',
    startTime: 1_000,
    status: 'recording',
    eventCount: 0,
    snapshotInterval: 100,
    snapshotSeqs: [],
    ...facts,
  }
}

/** Events `from` to `to` of a run, every tenth with a snapshot, and the meta that goes with them. */
export function batchOf(
  runId: string,
  from: number,
  to: number,
  facts: Partial<TimelineBatch['meta']> & { readonly previousStatus?: TimelineBatch['previousStatus'] } = {},
): TimelineBatch {
  const { previousStatus, ...meta } = facts
  const events: TimelineEvent[] = []
  for (let seq = from; seq <= to; seq++) {
    const hasSnapshot = seq % 10 === 1
    events.push({
      runId,
      seq,
      timestamp: 1_000 + seq,
      source: 'store',
      type: 'state:commit',
      payload: { stageId: `stage-${seq}` },
      delta: [{ op: 'replace', path: ['count'], value: seq }],
      ...(hasSnapshot ? { snapshot: { count: seq } } : {}),
    })
  }
  const snapshotSeqs = Array.from({ length: Math.ceil(to / 10) }, (_, index) => index * 10 + 1)
  return {
    meta: metaOf(runId, { eventCount: to, snapshotSeqs, snapshotInterval: 10, ...meta }),
    events,
    ...(previousStatus === undefined ? {} : { previousStatus }),
  }
}

export async function textOf(chunks: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const chunk of chunks) text += chunk
  return text
}
