import { toMs } from '../../core/duration.js'
import { type Command, LARGEST_SEED, parseCommandLine, wholeNumber } from '../command-line.js'
import { openEventFile } from '../events/event-file.js'
import { BadUsage } from '../failure.js'
import { loadWorkflows } from '../run/load-workflows.js'
import { presentSession } from '../run/present-session.js'
import { TakenEvents } from '../run/taken-events.js'
import { createRunStore } from '../store/open-store.js'

const help = `Runs workflows on events, and shows what became of every event and every run.

Usage: busline run FILE --events EVENTS [options]

  FILE              a module, .js, .mjs or .ts, that exports as default or "workflows": a workflow,
                    [workflow, options], a list of these, or a function (runtime) => void
  --events EVENTS   a file of events, or - for the standard input: one JSON object a line,
                    { "type": "…", "payload": … } and, if you like, "id", "timestamp", "source", "key"
  --store FILE      keeps runs and timelines in this SQLite file; its folder must be there. Started again
                    with it, runs go on where they were, and events that were published are not again
  --wait DURATION   how long to wait, after the last event, for runs that sleep, such as 30s  (default: 0)
  --seed N          whole number from 0: the jitter of retries is the same for the same seed
  --verbose         prints what steps log
  --json            the outcome as JSON, and nothing else, on the standard output
  -h, --help        this text

Exit codes: 0 all is well · 1 a run failed, or an event could not be used · 2 wrong usage · 130 interrupted
`

export const run: Command = {
  name: 'run',
  summary: 'runs workflows of a module on events',
  help,
  run: async (args) => {
    const { values, positionals } = parseCommandLine(
      args,
      {
        events: { type: 'string' },
        store: { type: 'string' },
        wait: { type: 'string', default: '0s' },
        seed: { type: 'string' },
        verbose: { type: 'boolean' },
        json: { type: 'boolean' },
      },
      1,
    )
    const [file] = positionals
    if (!file) throw new BadUsage('Name the module whose workflows are to run')
    if (values.store === '') throw new BadUsage('--store must name a file')
    if (!values.events && values.store === undefined) {
      throw new BadUsage('--events must name a file, or be - for the standard input')
    }
    const seed = values.seed === undefined ? undefined : wholeNumber('seed', values.seed, 0, LARGEST_SEED)
    const waitMs = parseWait(values.wait)
    const store = values.store === undefined ? undefined : await createRunStore(values.store)
    try {
      const { events, total } = values.events
        ? await openEventFile(values.events)
        : { events: nothing(), total: 0 }
      const workflows = await loadWorkflows(file)
      return await presentSession({
        workflows,
        events,
        place: values.events,
        ...(total === undefined ? {} : { total }),
        ...(store
          ? {
              storage: store.storage,
              storeFile: store.file,
              taken: new TakenEvents(store.storage, total !== undefined),
            }
          : {}),
        ...(seed === undefined ? {} : { seed }),
        waitMs,
        isVerbose: values.verbose ?? false,
        isJson: values.json ?? false,
      })
    } finally {
      await store?.close()
    }
  },
}

function parseWait(text: string): number {
  try {
    return toMs(/^\d+$/.test(text) ? Number(text) : (text as `${number}s`))
  } catch (cause) {
    throw new BadUsage(`--wait must be a duration such as 500ms, 30s or 2h: it is "${text}"`, { cause })
  }
}

async function* nothing(): AsyncGenerator<never> {}
