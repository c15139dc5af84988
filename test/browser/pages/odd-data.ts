import { MemoryTimelineStore, SystemError, type TimelineEvent } from 'busline'
import { type InspectorSource, timelineSource } from 'busline/inspector'

const START = Date.UTC(2026, 4, 12, 9)

/** Sets `window.attacked` when it is taken for markup. */
const MARKUP = '<img src=x onerror="window.attacked = true"><script>window.attacked = true</script>'

/** Data that no well-meaning run records: markup everywhere, a state of 5 MB, a run of a newer version. */
export async function oddData(): Promise<InspectorSource> {
  const store = new MemoryTimelineStore()
  const markup: TimelineEvent[] = [
    event('markup', 1, 'pipeline:start', { pipelineId: MARKUP }, { [MARKUP]: MARKUP, list: [MARKUP] }),
    event('markup', 2, 'stage:start', { pipelineId: MARKUP, stageId: MARKUP, visit: 1 }),
    event('markup', 3, 'step:start', {
      stageId: MARKUP,
      stepId: MARKUP,
      path: `${MARKUP}/${MARKUP}`,
      attempt: 1,
    }),
    event('markup', 4, 'log:error', { message: MARKUP, data: { [MARKUP]: MARKUP } }),
    event('markup', 5, 'stage:failure', {
      stageId: MARKUP,
      error: { name: MARKUP, message: MARKUP, code: MARKUP },
    }),
    event('markup', 6, 'pipeline:failure', { pipelineId: MARKUP, error: { name: 'Error', message: MARKUP } }),
  ]
  await put('markup', MARKUP, markup)
  const rows = Object.fromEntries(
    Array.from({ length: 5000 }, (_, index) => [`row-${index}`, 'x'.repeat(1000)]),
  )
  const big: TimelineEvent[] = [
    event(
      'big-state',
      1,
      'pipeline:start',
      { pipelineId: 'main' },
      { rows, text: 'y'.repeat(500_000), count: 1 },
    ),
    {
      ...event('big-state', 2, 'state:commit', { stageId: 's' }),
      delta: [{ op: 'replace', path: ['count'], value: 2 }],
    },
    event('big-state', 3, 'pipeline:success', { pipelineId: 'main' }),
  ]
  await put('big-state', 'big', big)
  const getRunMeta = store.getRunMeta.bind(store)
  store.getRunMeta = async (runId) => {
    if (runId !== 'newer') return getRunMeta(runId)
    throw new SystemError(
      'VERSION_MISMATCH',
      'Cannot read the timeline of run "newer": a newer Busline stored it',
    )
  }
  return timelineSource(store)

  function put(runId: string, workflowId: string, events: readonly TimelineEvent[]) {
    const meta = {
      runId,
      workflowId,
      pipelineId: 'main',
      startTime: START,
      endTime: START + 10,
      status: 'failed' as const,
      eventCount: events.length,
      snapshotInterval: 100,
      snapshotSeqs: [1],
      metadata: { key: workflowId, eventType: workflowId },
    }
    return store.append([{ meta, events }])
  }
}

function event(
  runId: string,
  seq: number,
  type: TimelineEvent['type'],
  payload: TimelineEvent['payload'],
  snapshot?: TimelineEvent['snapshot'],
): TimelineEvent {
  return {
    runId,
    seq,
    timestamp: START + seq,
    source: 'pipeline',
    type,
    payload,
    ...(snapshot ? { snapshot } : {}),
  }
}
