import { LARGEST_SEED, parseCommandLine, wholeNumber } from '../../src/cli/command-line.js'
import { BadUsage } from '../../src/cli/failure.js'

export interface Options {
  /** @default that of a replay that was cut off, else a random one */
  readonly seed?: number
  /** A file of events to publish instead of GitHub's deliveries. */
  readonly events?: string
  /** The file that keeps the runs. @default '.busline/webhooks.db' */
  readonly store?: string
  readonly help: boolean
}

export const HELP = `Publishes webhook deliveries on a bus where eight workflows listen, and shows what became of them.

Usage: npm start -- [options]

  --seed N       whole number from 0; the same seed gives the same output  (default: a random one, printed)
  --events FILE  publishes the events of FILE instead of GitHub's: one JSON object a line,
                 { "type": "…", "payload": … } and, if you like, "id", "timestamp", "source", "key"
  --store FILE   the SQLite file that keeps the runs  (default: .busline/webhooks.db). Killed in the midst, the next
                 start goes on from there
  --help         this text
`

/** @throws {BadUsage} When there is an option or an argument that is not known, or a value that is none. */
export function readOptions(args: readonly string[]): Options {
  const { seed, events, store, help } = parseCommandLine(args, {
    seed: { type: 'string' },
    events: { type: 'string' },
    store: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  }).values
  if (events === '') throw new BadUsage('--events must name a file')
  if (store === '') throw new BadUsage('--store must name a file')
  return {
    ...(seed === undefined ? {} : { seed: wholeNumber('seed', seed, 0, LARGEST_SEED) }),
    ...(store === undefined ? {} : { store }),
    ...(events === undefined ? {} : { events }),
    help: help ?? false,
  }
}

export function newSeed(): number {
  return Math.floor(Math.random() * 10_000)
}
