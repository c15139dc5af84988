import { once } from 'node:events'
import { type ServeInspectorOptions, serveInspector } from '../../inspector/node/index.js'
import { type Command, parseCommandLine, wholeNumber } from '../command-line.js'
import { listenForInterruption } from '../interruption.js'
import { openRunStore } from '../store/open-store.js'
import { openTerminal } from '../terminal/terminal.js'

const help = `Serves the inspector, to look at the runs of a store in a browser, until it is stopped with Ctrl-C.

Usage: busline inspect --store FILE [options]

  --store FILE    the SQLite file that "busline run --store" wrote, or writes just now
  --port N        the port on this machine, from 0 to 65535; 0 for any that is free  (default: 0)
  -h, --help      this text
`

export const inspect: Command = {
  name: 'inspect',
  summary: 'serves the inspector, to look at runs in a browser',
  help,
  run: async (args) => {
    const { values } = parseCommandLine(args, {
      store: { type: 'string' },
      port: { type: 'string', default: '0' },
    })
    const port = wholeNumber('port', values.port, 0, 65_535)
    return inspectRuns(values.store, { port })
  },
}

/** Serves the inspector on the runs in a file until it is interrupted; returns the exit code. */
export async function inspectRuns(
  file: string | undefined,
  options: Pick<ServeInspectorOptions, 'port' | 'script'>,
): Promise<number> {
  const store = await openRunStore(file)
  const { write, paint } = openTerminal(process.stdout)
  try {
    // What is no store is told now, not to whoever opens the page.
    await store.timelines.listRuns({ limit: 1 })
    const interruption = listenForInterruption(() => {})
    const server = await serveInspector({ store: store.timelines }, options)
    write(`${paint('bold', server.url)}  ${paint('dim', 'Ctrl-C to stop')}\n`)
    if (!interruption.signal.aborted) await once(interruption.signal, 'abort')
    await server.close()
    return 0
  } finally {
    await store.close()
  }
}
