import { MemoryTimelineStore, type RunTimelineMeta, type TimelineEvent } from 'busline'
import { type InspectorSource, timelineSource } from 'busline/inspector'

const START = Date.UTC(2026, 4, 12, 9)
const STATUSES = ['complete', 'complete', 'complete', 'failed', 'aborted', 'paused'] as const

export const LARGE_RUN = 'large-run'

/** A thousand runs, and one of ten thousand events with a state that keeps growing. */
export async function largeData(): Promise<InspectorSource> {
  const store = new MemoryTimelineStore({ maxRuns: 2000, maxEvents: 1_000_000 })
  for (let index = 0; index < 1000; index++) {
    const status = STATUSES[index % STATUSES.length]!
    const runId = `run-${String(index).padStart(4, '0')}`
    const endTime = START + index * 1700
    const meta = metaOf(runId, {
      ...(status === 'paused' ? {} : { endTime }),
      workflowId: `workflow-${index % 7}`,
      status,
      startTime: START + index * 1000,
      eventCount: 1,
    })
    await store.append([{ meta, events: [eventOf(runId, 1, 'pipeline:start', { pipelineId: 'main' })] }])
  }
  const events = largeRun()
  const snapshotSeqs = events.filter(({ snapshot }) => snapshot).map(({ seq }) => seq)
  const meta = metaOf(LARGE_RUN, {
    workflowId: 'import',
    status: 'complete',
    startTime: START + 2_000_000,
    eventCount: events.length,
  })
  await store.append([{ meta: { ...meta, endTime: START + 3_000_000, snapshotSeqs }, events }])
  return timelineSource(store)
}

function largeRun(): TimelineEvent[] {
  const events: TimelineEvent[] = []
  let state: { rows: Record<string, { price: number; ok: boolean }>; done: number } = { rows: {}, done: 0 }
  const add = (
    type: TimelineEvent['type'],
    payload: TimelineEvent['payload'],
    delta?: TimelineEvent['delta'],
  ) => {
    const seq = events.length + 1
    const isWhole = seq % 100 === 1
    events.push({
      ...eventOf(LARGE_RUN, seq, type, payload),
      ...(delta ? { delta } : {}),
      ...(isWhole ? { snapshot: state } : {}),
    })
  }
  add('pipeline:start', { pipelineId: 'import' })
  for (let visit = 1; events.length < 9_990; visit++) {
    const ids = { stageId: 'page', stepId: 'read', path: 'page/read', attempt: 1 }
    add('stage:start', { pipelineId: 'import', stageId: 'page', visit })
    add('step:start', ids)
    if (visit % 9 === 0) {
      add('step:retry', { ...ids, delayMs: 200, error: { name: 'Error', message: 'busy' } })
      add('step:start', { ...ids, attempt: 2 })
    }
    add('log:info', { ...ids, message: `Read page ${visit}` })
    add('step:success', ids)
    add('stage:success', { pipelineId: 'import', stageId: 'page', visit })
    const row = { price: (visit * 37) % 1000, ok: visit % 5 !== 0 }
    const key = `row-${visit % 400}`
    state = { rows: { ...state.rows, [key]: row }, done: visit }
    add('state:commit', { stageId: 'page' }, [
      { op: 'replace', path: ['rows', key], value: row },
      { op: 'replace', path: ['done'], value: visit },
    ])
    add('router:evaluated', { stageId: 'page', next: 'page' })
  }
  while (events.length < 9_999) add('log:debug', { message: 'Tidying up' })
  add('pipeline:success', { pipelineId: 'import' })
  return events
}

function eventOf(
  runId: string,
  seq: number,
  type: TimelineEvent['type'],
  payload: TimelineEvent['payload'],
): TimelineEvent {
  const source = type.startsWith('log:') ? 'logger' : type.startsWith('state:') ? 'store' : 'pipeline'
  return { runId, seq, timestamp: START + 2_000_000 + seq * 100, source, type, payload }
}

function metaOf(runId: string, facts: Partial<RunTimelineMeta>): RunTimelineMeta {
  return {
    runId,
    workflowId: 'w',
    pipelineId: 'main',
    startTime: START,
    status: 'complete',
    eventCount: 0,
    snapshotInterval: 100,
    snapshotSeqs: [],
    ...facts,
  }
}
