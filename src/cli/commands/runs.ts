import type { RunTimelineMeta } from '../../timeline/timeline-store.js'
import { type Command, parseCommandLine, wholeNumber } from '../command-line.js'
import { openRunStore } from '../store/open-store.js'
import { parseStatus, toRunStatus } from '../store/run-status.js'
import { toJson } from '../terminal/json.js'
import { renderList } from '../terminal/list.js'
import { openTerminal } from '../terminal/terminal.js'
import { type ListedRun, RUN_COLUMNS } from './run-columns.js'

const help = `Lists the runs in a store, the newest first.

Usage: busline runs --store FILE [options]

  --store FILE    the SQLite file that "busline run --store" wrote
  --workflow ID   only runs of this workflow
  --status S      only runs that are running, paused, succeeded, failed or aborted
  --limit N       at most so many, from 1 to 1000  (default: 20)
  --json          as JSON: { "runs": [...], "hasMore": false }
  -h, --help      this text
`

export const runs: Command = {
  name: 'runs',
  summary: 'lists the runs in a store',
  help,
  run: async (args) => {
    const { values } = parseCommandLine(args, {
      store: { type: 'string' },
      workflow: { type: 'string' },
      status: { type: 'string' },
      limit: { type: 'string', default: '20' },
      json: { type: 'boolean' },
    })
    const limit = wholeNumber('limit', values.limit, 1, 1000)
    const status = values.status === undefined ? undefined : parseStatus(values.status)
    const store = await openRunStore(values.store)
    try {
      const page = await store.timelines.listRuns({
        limit,
        ...(values.workflow === undefined ? {} : { workflowId: values.workflow }),
        ...(status === undefined ? {} : { status }),
      })
      const listed = page.runs.map(toListedRun)
      const hasMore = page.cursor !== undefined
      const terminal = openTerminal(process.stdout)
      const { write, paint } = terminal
      if (values.json) write(toJson({ runs: listed, hasMore }))
      else if (listed.length === 0) write('There are no such runs\n')
      else write(`${renderList(listed, RUN_COLUMNS, terminal)}\n`)
      if (hasMore && !values.json) write(paint('dim', `There are more: --limit shows up to 1000\n`))
      return 0
    } finally {
      await store.close()
    }
  },
}

export function toListedRun(meta: RunTimelineMeta): ListedRun {
  const { runId, workflowId, status, startTime, endTime, eventCount, metadata } = meta
  const eventType = metadata?.['eventType']
  return {
    runId,
    workflowId,
    status: toRunStatus(status),
    startedAt: startTime,
    ...(endTime === undefined ? {} : { endedAt: endTime }),
    startedBy: typeof eventType === 'string' ? eventType : '',
    eventCount,
  }
}
