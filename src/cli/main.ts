#!/usr/bin/env node
/**
 * The command `busline`. Exit codes: 0 all is well, 1 it could not be done or a run failed, 2 wrong usage, 99 a load broke a threshold, 130
 * interrupted.
 * Whoever made a mistake gets one line that says so, and no stack.
 */
import { isSystemError } from '../core/system-error.js'
import type { Command } from './command-line.js'
import { demo } from './commands/demo.js'
import { inspect } from './commands/inspect.js'
import { plan } from './commands/plan.js'
import { run } from './commands/run.js'
import { runs } from './commands/runs.js'
import { show } from './commands/show.js'
import { worker } from './commands/worker.js'
import { BadUsage, Failure } from './failure.js'
import { onItsLines } from './terminal/terminal.js'
import { version } from './version.js'

const COMMANDS: readonly Command[] = [run, runs, show, inspect, plan, worker, demo]

const HELP = `Event-bus workflow runtime: runs workflows, and looks at what they did.

Usage: busline COMMAND [options]

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join('\n')}

  -v, --version   the version of Busline
  -h, --help      this text

"busline COMMAND --help" tells the options of a command.
`

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP)
    return 0
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version()}\n`)
    return 0
  }
  const command = COMMANDS.find((each) => each.name === name)
  if (!command) {
    const known = COMMANDS.map((each) => each.name).join(', ')
    return fail(`There is no command "${name}": there are ${known}`, 2)
  }
  const end = rest.indexOf('--')
  if (rest.slice(0, end < 0 ? rest.length : end).some((arg) => arg === '--help' || arg === '-h')) {
    process.stdout.write(command.helpOf?.(rest) ?? command.help)
    return 0
  }
  try {
    return await command.run(rest)
  } catch (error) {
    if (error instanceof BadUsage) return fail(`${error.message}. Try "busline ${name} --help"`, 2)
    if (error instanceof Failure) return fail(error.message, 1)
    if (isSystemError(error)) return fail(error.message, 1)
    throw error
  }
}

function fail(message: string, code: number): number {
  process.stderr.write(`${onItsLines(message)}\n`)
  return code
}

// Whoever reads along may stop reading: `busline runs | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

const code = await main(process.argv.slice(2))
// What workflows have left open must not keep a process that is done.
process.stdout.write('', () => process.exit(code))
