import { type ParseArgsConfig, parseArgs } from 'node:util'
import { BadUsage } from './failure.js'

/** A command of `busline`. */
export interface Command {
  readonly name: string
  /** What it does, in a few words. */
  readonly summary: string
  /** What `--help` prints. */
  readonly help: string
  /** Of a command with subcommands: what `--help` prints behind one of them. */
  readonly helpOf?: (args: readonly string[]) => string | undefined
  /** Resolves to the exit code. */
  readonly run: (args: readonly string[]) => Promise<number>
}

type Options = NonNullable<ParseArgsConfig['options']>

/**
 * Options and arguments.
 *
 * @throws {BadUsage} When there is an option that is not known, or one without its value, or too many arguments.
 */
export function parseCommandLine<const Known extends Options>(
  args: readonly string[],
  options: Known,
  maxArguments = 0,
) {
  const { values, positionals } = parse(args, options)
  const surplus = positionals[maxArguments]
  if (surplus !== undefined) throw new BadUsage(`Unexpected argument "${surplus}"`)
  return { values, positionals }
}

function parse<const Known extends Options>(args: readonly string[], options: Known) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    // Node's hint on how to pass such an argument on is of no use here.
    const [sentence = ''] = (error as Error).message.split(/\. (?=To|Did)|\n/)
    throw new BadUsage(sentence.replace(/\.$/, ''), { cause: error })
  }
}

/**
 * An option that is a whole number.
 *
 * @throws {BadUsage} When it is none, or beyond its bounds.
 */
export function wholeNumber(name: string, text: string, from: number, to: number): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= from && Number(text) <= to) return Number(text)
  throw new BadUsage(`--${name} must be a whole number from ${from} to ${to}: it is "${text}"`)
}

/** The largest seed: chance is 32 bits wide. */
export const LARGEST_SEED = 2 ** 32 - 1
