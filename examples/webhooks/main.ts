/**
 * The main job: publishes webhook deliveries on a bus where a handful of workflows listen, shows it live, and then what
 * became of every event. `npm start -- --help` tells the options.
 */
import { openEventFile } from '../../src/cli/events/event-file.js'
import { isBadLine } from '../../src/cli/events/event-lines.js'
import { BadUsage, Failure } from '../../src/cli/failure.js'
import { drawTallies, listFailures } from '../../src/cli/run/draw-tallies.js'
import { seededRandom } from '../../src/core/seeded-random.js'
import { describe } from '../../src/core/system-error.js'
import { createProgressLine } from '../../src/cli/terminal/progress-line.js'
import { oneLine, openTerminal } from '../../src/cli/terminal/terminal.js'
import type { Delivery } from './delivery.js'
import { githubDeliveries } from './github-deliveries.js'
import { inspectionCommands } from './inspection-commands.js'
import { HELP, type Options, newSeed, readOptions } from './read-options.js'
import { REPLAY_KEY, type SavedReplay, replay } from './replay.js'
import { drawRuns, introduce, lostEvents, summarizeFindings } from './report.js'
import { openRunFile } from './run-file.js'
import { openStepStorage } from './step-storage.js'
import { Tally } from './tally.js'
import { allWorkflows } from './workflows/index.js'

/** As long as the runs in it have not come to an end; then it is named after the seed. */
const DEFAULT_STORE = '.busline/webhooks.db'

/** How long people get to watch, all in all: without it everything would be over in a blink. */
const WATCHING_MS = 2_000

async function main(options: Options): Promise<boolean> {
  const terminal = openTerminal(process.stdout)
  const { paint, write } = terminal
  const say = (...lines: readonly string[]) => write(lines.map((line) => `${line}\n`).join(''))
  // Nobody asked for the default: where it cannot be written, all goes on without it.
  const runFile = await (options.store === undefined
    ? openRunFile(DEFAULT_STORE).catch(() => undefined)
    : openRunFile(options.store).catch((cause: unknown) => {
        throw new Failure(`Cannot keep the runs in "${options.store}": ${oneLine(describe(cause))}`, {
          cause,
        })
      }))
  const left = (await runFile?.storage.get(REPLAY_KEY)) as SavedReplay | undefined
  const isWanted = options.seed === undefined || options.seed === left?.seed
  const seed = options.seed ?? (left?.isOver === false ? left.seed : newSeed())
  const deliveries = await loadDeliveries({ ...options, seed })
  const from = left && !left.isOver && isWanted && left.total === deliveries.length ? left : undefined
  if (left && !from) await runFile?.storage.commit([{ type: 'deletePrefix', prefix: '' }])

  const workflows = allWorkflows([...new Set(deliveries.map(({ type }) => type))])
  const source =
    options.events === undefined ? 'webhook deliveries from GitHub' : `events from ${options.events}`
  say(paint('bold', `${deliveries.length} ${oneLine(source)}, seed ${seed}`), '')
  say(introduce(workflows, new Tally(workflows).all, terminal), '')

  if (from) say(`Going on after event ${from.published} of ${from.total}, where it was cut off.`, '')
  const storage = await openStepStorage(runFile?.storage)
  const progress = createProgressLine(terminal, { watchingMs: WATCHING_MS })
  const result = await replay({ deliveries, workflows, seed, storage, from, onProgress: progress.show })
  progress.end()

  const tallies = result.tally.all
  const lost = lostEvents(tallies)
  say(drawTallies(tallies, terminal), '')
  const findings = [...summarizeFindings(result, terminal), ...listFailures(tallies, terminal)]
  if (findings.length > 0) say(...findings, '')
  for (const chart of await drawRuns(result, terminal)) say(chart, '')
  if (lost.length === 0) {
    const matched = tallies.reduce((sum, tally) => sum + tally.matched, 0)
    say(paint('green', `No event was lost: all ${matched} that matched came to one end.`))
  }
  // A file that was named keeps its name; so does the one beside it, when another process has that.
  const isDefault = options.store === undefined && runFile?.file === DEFAULT_STORE
  const file = await runFile?.finish(isDefault ? `.busline/${seed}.db` : undefined)
  const commands = file === undefined ? [] : inspectionCommands(file)
  if (commands.length > 0) say('', paint('dim', 'Look at these runs:'), ...commands)
  for (const { delivery, reason } of result.refused) {
    console.error(`${place(options, delivery.line)}: refused, ${oneLine(reason)}`)
  }
  for (const fault of [...lost, ...result.faults]) console.error(oneLine(fault))
  return lost.length === 0 && result.faults.length === 0
}

async function loadDeliveries({
  events,
  seed,
}: Options & { readonly seed: number }): Promise<readonly Delivery[]> {
  if (events === undefined) return githubDeliveries(seededRandom(seed))
  const deliveries: Delivery[] = []
  for await (const each of (await openEventFile(events)).events) {
    if (isBadLine(each)) console.error(`${place({ events }, each.line)}: skipped, ${oneLine(each.reason)}`)
    else deliveries.push(each)
  }
  return deliveries
}

/** Where an event comes from, as editors understand it. */
function place({ events = 'event' }: Pick<Options, 'events'>, line = 0): string {
  return `${oneLine(events)}:${line}`
}

// Whoever reads along may stop reading: `npm start | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.once('SIGINT', () => {
  process.stdout.write('\n')
  process.exit(130)
})

try {
  const options = readOptions(process.argv.slice(2))
  if (options.help) process.stdout.write(HELP)
  else if (!(await main(options))) process.exitCode = 1
} catch (error) {
  if (error instanceof BadUsage) {
    console.error(`${oneLine(error.message)}. Try --help`)
    process.exitCode = 2
  } else if (error instanceof Failure) {
    console.error(oneLine(error.message))
    process.exitCode = 1
  } else throw error
}
