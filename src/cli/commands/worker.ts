import type { Command } from '../command-line.js'
import { BadUsage } from '../failure.js'
import { workerJoin } from './worker-join.js'
import { workerRun } from './worker-run.js'
import { workerServe } from './worker-serve.js'

/** One row per subcommand: `busline worker NAME`. */
const SUBCOMMANDS: readonly Command[] = [workerRun, workerServe, workerJoin]

const help = `Runs code on workers.

Usage: busline worker SUBCOMMAND [options]

${SUBCOMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join('\n')}

"busline worker SUBCOMMAND --help" tells the options of a subcommand.
`

const known = SUBCOMMANDS.map(({ name }) => name).join(', ')

export const worker: Command = {
  name: 'worker',
  summary: 'runs load tests on threads, and serves or joins remote workers',
  help,
  helpOf: ([name]) => SUBCOMMANDS.find((each) => each.name === name)?.help,
  run: ([name, ...rest]) => {
    if (name === undefined) throw new BadUsage(`Name a subcommand: there are ${known}`)
    const subcommand = SUBCOMMANDS.find((each) => each.name === name)
    if (!subcommand) throw new BadUsage(`There is no subcommand "${name}": there are ${known}`)
    return subcommand.run(rest)
  },
}
