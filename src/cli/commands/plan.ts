import { type Command, parseCommandLine } from '../command-line.js'
import { BadUsage } from '../failure.js'
import { planCheck } from './plan-check.js'
import { planGraph } from './plan-graph.js'
import { planRun } from './plan-run.js'

const help = `Runs, checks and draws execution plans: jobs as data.

Usage: busline plan run FILE [options]
       busline plan check FILE [options]
       busline plan graph FILE [options]

  FILE            a plan as JSON, or a .js file that is the text of its one job

run: prints the final state as JSON; what happens meanwhile goes to the standard error
  --input FILE    the state to begin with, as JSON
  --only STEP     runs this one step, on the input
  --isolation I   where job text runs: engine (in one of its own) or thread (on a thread of Node,
                  for text that is trusted)  (default: engine)
  --timeout MS    how long a job may take when the plan does not say, in milliseconds
  --json          nothing but the final state, or the error, as JSON

check: tells everything that is wrong with the plan, its job text and its conditions
  --json          as JSON: { "issues": [...], "warnings": [...] }

graph: draws the plan in the terminal
  --svg OUT       as a picture, into this file; - for the standard output

run and check:
  --repo DIR      a folder of modules that jobs may import, named name_version
  --node-modules  lets jobs import what the current folder has in node_modules

  -h, --help      this text

Exit codes: 0 all is well · 1 a job failed, or the plan is not one · 2 wrong usage
`

const SUBCOMMANDS = { run: planRun, check: planCheck, graph: planGraph }

export const plan: Command = {
  name: 'plan',
  summary: 'runs, checks or draws an execution plan',
  help,
  run: async ([name, ...args]) => {
    const subcommand = Object.entries(SUBCOMMANDS).find(([each]) => each === name)?.[1]
    if (!subcommand) {
      throw new BadUsage(
        name === undefined
          ? 'Say run, check or graph'
          : `There is no "plan ${name}": say run, check or graph`,
      )
    }
    const { values, positionals } = parseCommandLine(args, subcommand.options, 1)
    const [file] = positionals
    if (!file) throw new BadUsage('Name the file of the plan')
    return subcommand.run(file, values as Readonly<Record<string, string | boolean | undefined>>)
  },
}
