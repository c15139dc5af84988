import { type Command, parseCommandLine, wholeNumber } from '../command-line.js'
import { BadUsage } from '../failure.js'
import { runLoadFile } from '../worker/run-load-file.js'

const help = `Puts a load on something, and shows how it bears it.

Usage: busline worker run FILE [options]

  FILE              a module, .js, .mjs or .ts, that exports as default what one iteration does: a function
                    (ctx) => …, a class or object with execute(ctx), or what defineRunner() gave; and
                    beside it, if you like
                      profile      when iterations start, such as
                                   { executor: 'constantArrivalRate', rate: 50, duration: '30s' }
                      thresholds   such as { responseTime: ['p(95)<500'], errors: ['rate<0.01'] }
                      options      what the code finds as ctx.options
                      workers      how many threads share the load; 1 if it does not say
                      name         for the summary
  --workers N       so many threads, whatever the module says
  --chart OUT.svg   writes latency and throughput over time as a chart
  --json            the summary as JSON, and nothing else, on the standard output
  -h, --help        this text

Ctrl-C ends the load as its end would: what is under way has its grace period. A second one stops at once.

Exit codes: 0 all is well · 1 it could not be done, or a runner failed · 2 wrong usage · 99 a threshold does not hold · 130 interrupted
`

export const workerRun: Command = {
  name: 'run',
  summary: 'runs a load test of a module on threads',
  help,
  run: async (args) => {
    const { values, positionals } = parseCommandLine(
      args,
      {
        workers: { type: 'string' },
        chart: { type: 'string' },
        json: { type: 'boolean' },
      },
      1,
    )
    const [file] = positionals
    if (!file) throw new BadUsage('Name the module that is to run')
    if (values.chart === '') throw new BadUsage('--chart must name a file')
    return runLoadFile({
      file,
      workers: values.workers === undefined ? undefined : wholeNumber('workers', values.workers, 1, 256),
      chart: values.chart,
      isJson: values.json ?? false,
    })
  },
}
