import type { RunTimelineMeta, TimelineEvent, TimelineStore } from 'busline'

export interface RecordedRun {
  readonly meta: RunTimelineMeta
  readonly events: readonly TimelineEvent[]
}

/** What makes a run worth a look, each as a number: the more the better, 0 for not at all. */
const ATTRACTIONS: readonly ((run: RecordedRun) => number)[] = [
  // Children that had to be tried again.
  ({ events }) => countOf(events, 'subpipeline:fork') * countOf(events, 'step:retry'),
  // A sleep that an event ended.
  ({ events }) =>
    events.filter(({ type, payload }) => type === 'pipeline:resume' && isEvent(payload['cause'])).length,
  // A bad end, best with something undone.
  ({ meta, events }) => (meta.status === 'failed' ? 1000 : meta.status === 'aborted' ? 1 : 0) * events.length,
  ({ events }) => events.length,
  ({ meta }) => (meta.endTime ?? meta.startTime) - meta.startTime + 1,
]

/** Up to `count` runs that show different things, of different workflows as far as there are some. */
export async function pickRuns(store: TimelineStore, count: number): Promise<readonly RecordedRun[]> {
  const recorded = await readRuns(store)
  const picked: RecordedRun[] = []
  for (const attraction of [...ATTRACTIONS, ...ATTRACTIONS.slice(3)]) {
    if (picked.length === count) break
    const others = recorded.filter((run) => !picked.includes(run))
    const fresh = others.filter(({ meta }) =>
      picked.every((each) => each.meta.workflowId !== meta.workflowId),
    )
    const best = bestOf(fresh, attraction) ?? bestOf(others, attraction)
    if (best) picked.push(best)
  }
  return picked
}

/** All runs, the oldest first. */
export async function readRuns(store: TimelineStore): Promise<readonly RecordedRun[]> {
  const recorded: RecordedRun[] = []
  let cursor: string | undefined
  do {
    const page = await store.listRuns({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
    for (const meta of page.runs) recorded.push({ meta, events: await store.getEvents(meta.runId) })
    cursor = page.cursor
  } while (cursor !== undefined)
  return recorded.reverse()
}

/** The first of those with the highest mark; none when that is 0. */
function bestOf(
  runs: readonly RecordedRun[],
  attraction: (run: RecordedRun) => number,
): RecordedRun | undefined {
  let best: RecordedRun | undefined
  let highest = 0
  for (const run of runs) {
    const mark = attraction(run)
    if (mark <= highest) continue
    highest = mark
    best = run
  }
  return best
}

function countOf(events: readonly TimelineEvent[], wanted: TimelineEvent['type']): number {
  return events.filter(({ type }) => type === wanted).length
}

function isEvent(cause: unknown): boolean {
  return (cause as { readonly kind?: string } | undefined)?.kind === 'event'
}
