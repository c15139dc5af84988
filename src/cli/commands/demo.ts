import { MemoryTimelineStore } from '../../timeline/memory-timeline-store.js'
import { type Command, parseCommandLine } from '../command-line.js'
import { DEMO_EVENT_COUNT, demoEvents, demoWorkflows } from '../demo/demo-workflows.js'
import { INTERRUPTED } from '../interruption.js'
import { presentSession } from '../run/present-session.js'
import { oneLine, openTerminal } from '../terminal/terminal.js'
import { drawLegend, drawTimeline } from '../timeline/draw-timeline.js'

const help = `Runs a small shop for two seconds: the same events in each mode, then one run as a chart.

Usage: busline demo

  -h, --help      this text
`

export const demo: Command = {
  name: 'demo',
  summary: 'runs a small demonstration',
  help,
  run: async (args) => {
    parseCommandLine(args, {})
    const terminal = openTerminal(process.stdout)
    const { write, paint, width } = terminal
    const intro = 'The same clicks reach four workflows, one per mode; orders retry, wait and undo.'
    write(`${paint('bold', oneLine(intro, width))}\n\n`)
    const timelineStore = new MemoryTimelineStore()
    const code = await presentSession({
      workflows: demoWorkflows(),
      events: demoEvents(),
      total: DEMO_EVENT_COUNT,
      timelineStore,
      seed: 7,
      waitMs: 2_000,
      place: undefined,
      isVerbose: false,
      isJson: false,
    })
    const { runs } = await timelineStore.listRuns({ workflowId: 'order', limit: 2 })
    for (const meta of [...runs].reverse()) {
      write(`\n${drawTimeline(meta, await timelineStore.getEvents(meta.runId), terminal)}\n`)
    }
    write(`\n${drawLegend(terminal)}\n`)
    // That one of the orders fails is part of the show.
    return code === INTERRUPTED ? code : 0
  },
}
