import type { Logger } from '../../core/logger.js'
import type { RunInfo } from '../../runtime/run-result.js'
import { type ListedRun, RUN_COLUMNS } from '../commands/run-columns.js'
import { INTERRUPTED, listenForInterruption } from '../interruption.js'
import { captureConsole } from '../terminal/capture-console.js'
import { formatMs } from '../terminal/durations.js'
import { toJson } from '../terminal/json.js'
import { renderList } from '../terminal/list.js'
import { createProgressLine } from '../terminal/progress-line.js'
import { type Terminal, oneLine, openTerminal } from '../terminal/terminal.js'
import { drawTallies, listFailures } from './draw-tallies.js'
import { type SessionOptions, type SessionResult, runSession } from './run-session.js'

export interface PresentedSession extends Pick<
  SessionOptions,
  'workflows' | 'events' | 'total' | 'storage' | 'taken' | 'seed' | 'waitMs' | 'timelineStore'
> {
  /** Where the events come from, as editors understand it. */
  readonly place: string | undefined
  readonly storeFile?: string
  /** How long people get to watch. @default 0 */
  readonly watchingMs?: number
  readonly isVerbose: boolean
  readonly isJson: boolean
}

/** Up to so many runs are listed one by one. */
const MOST_LISTED = 10

/** How many remarks on lines of the events are printed. */
const MOST_REMARKS = 20

/** Runs a session with its progress, its outcome as tables or JSON, and an exit code. */
export async function presentSession(options: PresentedSession): Promise<number> {
  const terminal = openTerminal(process.stdout)
  const progress = options.isJson
    ? { show: () => {}, print: (text: string) => void process.stderr.write(text), end: () => {} }
    : createProgressLine(terminal, { watchingMs: options.watchingMs ?? 0 })
  const note = (text: string) => progress.print(`${oneLine(text)}\n`)
  const interruption = listenForInterruption(() =>
    note('Stopping when what is under way has ended; once more Ctrl-C stops at once'),
  )
  const restoreConsole = captureConsole((text) => progress.print(text))
  let result: SessionResult
  try {
    result = await runSession({
      ...options,
      logger: createLogger(options.isVerbose ? note : () => {}),
      signal: interruption.signal,
      onProgress: progress.show,
      onNote: note,
    })
  } finally {
    interruption.release()
    restoreConsole()
    progress.end()
  }
  const wasInterrupted = interruption.signal.aborted
  if (options.isJson) terminal.write(toJson(summarize(result, wasInterrupted)))
  else report(result, options, terminal)
  complain(result, options)
  if (wasInterrupted) return INTERRUPTED
  return isWell(result, options) ? 0 : 1
}

function report(result: SessionResult, { storeFile }: PresentedSession, terminal: Terminal): void {
  const { write, paint, width } = terminal
  const say = (...lines: readonly string[]) => write(lines.map((line) => `${line}\n`).join(''))
  const { tallies, runs, published, takenBefore, unmatched, elapsedMs } = result
  if (tallies.some(({ matched, durationsMs }) => matched + durationsMs.length > 0)) {
    say(drawTallies(tallies, terminal), '')
  }
  const failures = listFailures(tallies, terminal)
  if (failures.length > 0) say(...failures, '')
  if (runs.length > 0 && runs.length <= MOST_LISTED) {
    const oldestFirst = [...runs].sort((a, b) => a.startedAt - b.startedAt)
    say(renderList(oldestFirst.map(toListedRun), RUN_COLUMNS, terminal), '')
  }
  const facts = [
    `${published} ${published === 1 ? 'event' : 'events'} published in ${formatMs(elapsedMs)}`,
    ...(takenBefore > 0 ? [`${takenBefore} had been published before`] : []),
    ...(unmatched > 0 ? [`${unmatched} for which nobody listened`] : []),
  ]
  say(oneLine(facts.join(', '), width))
  const { asleep, waiting } = left(result)
  if (storeFile !== undefined) {
    if (asleep + waiting > 0) {
      say(oneLine(`${describeLeft(asleep, waiting)} kept for the next start with this store`, width))
    }
    const last = runs.find(({ status }) => status === 'failed') ?? runs.at(-1)
    if (last) say(paint('dim', `busline show ${last.runId} --store ${storeFile}`))
  }
}

/** What went wrong, on the error output. */
function complain(result: SessionResult, { place = 'events', storeFile }: PresentedSession): void {
  const say = (text: string) => process.stderr.write(`${oneLine(text)}\n`)
  const from = place === '-' ? 'stdin' : place
  for (const { line, text } of result.remarks.slice(0, MOST_REMARKS)) say(`${from}:${line}: ${text}`)
  const more = result.remarks.length - MOST_REMARKS
  if (more > 0) say(`… and ${more} more lines like these`)
  for (const fault of result.faults) say(fault)
  const { asleep, waiting } = left(result)
  if (storeFile === undefined && asleep + waiting > 0) {
    say(`${describeLeft(asleep, waiting)} lost at the end: --wait gives them time, --store FILE keeps them`)
  }
}

function isWell(result: SessionResult, { storeFile }: PresentedSession): boolean {
  const { asleep, waiting } = left(result)
  const failed = result.tallies.some(({ runs }) => (runs.get('failed') ?? 0) > 0)
  const isLost = storeFile === undefined && asleep + waiting > 0
  return !failed && !isLost && result.remarks.length === 0 && result.faults.length === 0
}

/** What had not come to an end. */
function left({ runs, queued }: SessionResult): { readonly asleep: number; readonly waiting: number } {
  const live = runs.filter(({ status }) => status === 'paused' || status === 'running')
  return { asleep: live.length, waiting: queued }
}

function describeLeft(asleep: number, waiting: number): string {
  const parts = [
    ...(asleep > 0 ? [`${asleep} ${asleep === 1 ? 'run that sleeps' : 'runs that sleep'}`] : []),
    ...(waiting > 0 ? [`${waiting} ${waiting === 1 ? 'event that waits' : 'events that wait'}`] : []),
  ]
  return `${parts.join(' and ')} ${asleep + waiting === 1 ? 'is' : 'are'}`
}

function summarize(result: SessionResult, wasInterrupted: boolean) {
  const { published, takenBefore, unmatched, remarks, faults, tallies, runs, queued, elapsedMs } = result
  return {
    events: { published, takenBefore, unmatched, queued },
    workflows: tallies.map(({ workflowId, mode, outcomes, runs: ends }) => ({
      workflowId,
      mode,
      outcomes: Object.fromEntries(outcomes),
      runs: Object.fromEntries(ends),
    })),
    runs: runs.map((info) => ({ ...info, ...(info.error ? { error: info.error.toJSON() } : {}) })),
    remarks,
    faults,
    wasInterrupted,
    elapsedMs,
  }
}

function toListedRun({ runId, workflowId, status, startedAt, endedAt, triggerId }: RunInfo): ListedRun {
  const ended = endedAt === undefined ? {} : { endedAt }
  return { runId, workflowId, status, startedAt, ...ended, startedBy: triggerId }
}

function createLogger(print: (line: string) => void): Logger {
  const at = (level: string) => (message: string, data?: unknown) =>
    print(`${level}  ${message}${data === undefined ? '' : ` ${JSON.stringify(data)}`}`)
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
