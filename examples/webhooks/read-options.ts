import { parseArgs } from 'node:util'

export interface Options {
  readonly seed: number
  /** A file of events to publish instead of GitHub's deliveries. */
  readonly events?: string
  readonly help: boolean
}

/** The command line is not understood; the message says what is wrong. */
export class BadUsage extends Error {}

export const HELP = `Publishes webhook deliveries on a bus where seven workflows listen, and shows what became of them.

Usage: npm start -- [options]

  --seed N       whole number from 0; the same seed gives the same output  (default: a random one, printed)
  --events FILE  publishes the events of FILE instead of GitHub's: one JSON object a line,
                 { "type": "…", "payload": … } and, if you like, "id", "timestamp", "source", "key"
  --help         this text
`

const LARGEST_SEED = 2 ** 32 - 1

/** @throws {BadUsage} When there is an option or an argument that is not known, or a value that is none. */
export function readOptions(args: readonly string[]): Options {
  const { seed, events, help } = parse(args)
  if (seed !== undefined && (!/^\d+$/.test(seed) || Number(seed) > LARGEST_SEED)) {
    throw new BadUsage(`--seed must be a whole number from 0 to ${LARGEST_SEED}: it is "${seed}"`)
  }
  if (events === '') throw new BadUsage('--events must name a file')
  return {
    seed: seed === undefined ? Math.floor(Math.random() * 10_000) : Number(seed),
    ...(events === undefined ? {} : { events }),
    help: help ?? false,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string' },
        events: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    // Node's hint on how to pass such an argument on is of no use here.
    const [sentence = ''] = (error as Error).message.split(/\. (?=To|Did)|\n/)
    throw new BadUsage(sentence.replace(/\.$/, ''), { cause: error })
  }
}
