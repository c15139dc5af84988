import { TimelinePlayer } from '../../timeline/timeline-player.js'
import { type Command, parseCommandLine } from '../command-line.js'
import { BadUsage } from '../failure.js'
import { findRun } from '../store/find-run.js'
import { openRunStore } from '../store/open-store.js'
import { toRunStatus } from '../store/run-status.js'
import { toJson } from '../terminal/json.js'
import { openTerminal } from '../terminal/terminal.js'
import { drawRun } from '../timeline/draw-run.js'

const help = `Shows one run: its timeline as a chart, its state, what its steps logged.

Usage: busline show RUN --store FILE [options]

  RUN             the id of the run, or how it begins, as far as no other begins so
  --store FILE    the SQLite file that "busline run --store" wrote
  --json          as JSON: { "run", "state", "events" }
  -h, --help      this text
`

export const show: Command = {
  name: 'show',
  summary: 'draws the timeline of a run, with its state and its logs',
  help,
  run: async (args) => {
    const { values, positionals } = parseCommandLine(
      args,
      { store: { type: 'string' }, json: { type: 'boolean' } },
      1,
    )
    const [prefix] = positionals
    if (!prefix) throw new BadUsage('Name the run to show, or how its id begins')
    const store = await openRunStore(values.store)
    try {
      const meta = await findRun(store.timelines, prefix)
      const events = await store.timelines.getEvents(meta.runId)
      const player = new TimelinePlayer(store.timelines, meta.runId)
      await player.seek(meta.eventCount)
      const { state } = player
      const terminal = openTerminal(process.stdout)
      const text = values.json
        ? toJson({ run: { ...meta, status: toRunStatus(meta.status) }, state, events })
        : `${drawRun({ meta, events, state }, terminal)}\n`
      terminal.write(text)
      return 0
    } finally {
      await store.close()
    }
  },
}
