import { LARGEST_SEED, parseCommandLine, wholeNumber } from '../../src/cli/command-line.js'
import { BadUsage } from '../../src/cli/failure.js'

export interface Options {
  readonly seed: number
  /** A file of events to publish instead of GitHub's deliveries. */
  readonly events?: string
  readonly help: boolean
}

export const HELP = `Publishes webhook deliveries on a bus where seven workflows listen, and shows what became of them.

Usage: npm start -- [options]

  --seed N       whole number from 0; the same seed gives the same output  (default: a random one, printed)
  --events FILE  publishes the events of FILE instead of GitHub's: one JSON object a line,
                 { "type": "…", "payload": … } and, if you like, "id", "timestamp", "source", "key"
  --help         this text
`

/** @throws {BadUsage} When there is an option or an argument that is not known, or a value that is none. */
export function readOptions(args: readonly string[]): Options {
  const { seed, events, help } = parseCommandLine(args, {
    seed: { type: 'string' },
    events: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  }).values
  if (events === '') throw new BadUsage('--events must name a file')
  return {
    seed:
      seed === undefined ? Math.floor(Math.random() * 10_000) : wholeNumber('seed', seed, 0, LARGEST_SEED),
    ...(events === undefined ? {} : { events }),
    help: help ?? false,
  }
}
