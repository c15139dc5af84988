import { once } from 'node:events'
import { healthHandler, metricsHandler, statusHandler, WorkerServer } from '../../remote/index.js'
import { type Command, parseCommandLine, wholeNumber } from '../command-line.js'
import { Failure } from '../failure.js'
import { listenForInterruption } from '../interruption.js'
import { importModule } from '../run/import-module.js'
import { openTerminal } from '../terminal/terminal.js'

/** The default of the protocol's examples. */
const PORT = '19100'

const help = `Serves remote workers: they dial in with "busline worker join", and steps run on them.

Usage: busline worker serve [FILE] [options]

  FILE             a module, .js, .mjs or .ts, that exports as default a function (server) => …; it is called
                   before the server listens, and makes the executor and the runtime whose steps run on the workers
  --port N         the port, from 0 to 65535; 0 for any that is free  (default: ${PORT})
  --host ADDRESS   the address to listen on; any but this machine's own needs a token  (default: 127.0.0.1)
  -h, --help       this text

The token that workers must give is read from the environment variable BUSLINE_WORKER_TOKEN; without one, those on this
machine are let in. Under the same address: /health, /metrics for Prometheus, and /status, a live page, the latter two
with BUSLINE_STATUS_TOKEN as a bearer token where it is set.

Ctrl-C and SIGTERM let requests in hand end first, for at most 30 seconds; a second one ends it at once.
`

export const workerServe: Command = {
  name: 'serve',
  summary: 'serves remote workers that dial in',
  help,
  run: async (args) => {
    const { values, positionals } = parseCommandLine(
      args,
      { port: { type: 'string', default: PORT }, host: { type: 'string', default: '127.0.0.1' } },
      1,
    )
    const port = wholeNumber('port', values.port, 0, 65_535)
    const { BUSLINE_WORKER_TOKEN: authToken, BUSLINE_STATUS_TOKEN: token } = process.env
    const server = new WorkerServer({ port, host: values.host, ...(authToken ? { authToken } : {}) })
    server.addHttpHandler(healthHandler(server))
    server.addHttpHandler(metricsHandler(server, token ? { token } : {}))
    server.addHttpHandler(statusHandler(server, token ? { token } : {}))
    const [file] = positionals
    if (file !== undefined) await callModule(file, server)
    const { write, paint } = openTerminal(process.stdout)
    server.onWorkerConnected(({ id, name }) => write(`+ ${name === id ? id : `${name} (${id})`}\n`))
    server.onWorkerDisconnected(({ id }, pending) => write(`- ${id}, ${pending.length} requests in hand\n`))
    const interruption = listenForInterruption(() => write('Lets requests in hand end first\n'))
    await server.start()
    write(`${paint('bold', `ws://${values.host}:${server.port}`)}  ${paint('dim', 'Ctrl-C to stop')}\n`)
    if (!interruption.signal.aborted) await once(interruption.signal, 'abort')
    await server.stop({ drain: true })
    return 0
  },
}

async function callModule(file: string, server: WorkerServer): Promise<void> {
  const { default: setUp } = await importModule(file)
  if (typeof setUp !== 'function') {
    throw new Failure(`${file} must export as default a function (server) => …: it exports ${typeof setUp}`)
  }
  await (setUp as (server: WorkerServer) => unknown)(server)
}
