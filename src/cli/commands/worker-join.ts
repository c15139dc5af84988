import { RemoteWorker, type RemoteTasks } from '../../remote/client/index.js'
import { type Command, parseCommandLine, wholeNumber } from '../command-line.js'
import { BadUsage, Failure } from '../failure.js'
import { listenForInterruption } from '../interruption.js'
import { importModule } from '../run/import-module.js'
import { openTerminal } from '../terminal/terminal.js'

const help = `Joins a server of remote workers, and runs tasks for it.

Usage: busline worker join URL FILE [options]

  URL             where the server listens, ws://… or wss://…
  FILE            a module, .js, .mjs or .ts, that exports as default or as "tasks" an object of functions
                  (input, ctx) => result, by the names under which steps ask for them
  --slots N       how many tasks run at once  (default: 10)
  --id ID         the id of the worker; no other may have it  (default: one of its own)
  --name NAME     what people call it  (default: the id)
  --zone ZONE     where it stands: steps that name this zone prefer it
  -h, --help      this text

The token is read from the environment variable BUSLINE_WORKER_TOKEN. A connection that is cut is taken up again.

Ctrl-C and SIGTERM let the tasks in hand end first, for at most 30 seconds; a second one ends it at once.
`

export const workerJoin: Command = {
  name: 'join',
  summary: 'joins a server of remote workers, and runs tasks for it',
  help,
  run: async (args) => {
    const text = { type: 'string' } as const
    const options = { slots: { type: 'string', default: '10' }, id: text, name: text, zone: text } as const
    const { values, positionals } = parseCommandLine(args, options, 2)
    const [url, file] = positionals
    if (url === undefined || file === undefined)
      throw new BadUsage('Name the URL of the server and the module of tasks')
    const slots = wholeNumber('slots', values.slots, 1, 100_000)
    const { BUSLINE_WORKER_TOKEN: token } = process.env
    const worker = new RemoteWorker({
      url,
      tasks: await loadTasks(file),
      maxConcurrentRequests: slots,
      ...(token ? { token } : {}),
      ...(values.id === undefined ? {} : { workerId: values.id }),
      ...(values.name === undefined ? {} : { workerName: values.name }),
      ...(values.zone === undefined ? {} : { zone: values.zone }),
    })
    const { write } = openTerminal(process.stdout)
    worker.onState((state) => write(`${state}\n`))
    const interruption = listenForInterruption(() => void worker.stop({ drain: true }))
    try {
      await worker.start()
      await worker.closed
    } catch (error) {
      if (!interruption.signal.aborted) throw error
    }
    return 0
  },
}

async function loadTasks(file: string): Promise<RemoteTasks> {
  const { tasks, default: standard } = await importModule(file)
  const exported = tasks ?? standard
  const isTasks = (value: object) => Object.values(value).every((each) => typeof each === 'function')
  if (typeof exported !== 'object' || exported === null || !isTasks(exported)) {
    throw new Failure(`${file} must export as default or as "tasks" an object of functions`)
  }
  return exported as RemoteTasks
}
