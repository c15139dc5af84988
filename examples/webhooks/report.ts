import { formatMs } from './terminal/durations.js'
import { type TableRow, renderTable } from './terminal/table.js'
import { type Terminal, oneLine } from './terminal/terminal.js'
import type { RegisteredWorkflow } from './registered-workflow.js'
import type { ReplayResult } from './replay.js'
import {
  FINAL_OUTCOMES,
  INTERIM_OUTCOMES,
  type RunEnd,
  type WorkflowTally,
  endedEvents,
  percentile,
} from './tally.js'
import { drawLegend, drawTimeline } from './timeline/draw-timeline.js'
import { pickRuns } from './timeline/pick-runs.js'

/** How many reasons for failures are listed per workflow. */
const MOST_REASONS = 2

const RUN_ENDS: readonly RunEnd[] = ['succeeded', 'failed', 'aborted']

/** What is going to happen: each workflow with its mode, and what it is there for. */
export function introduce(
  workflows: readonly RegisteredWorkflow[],
  tallies: readonly WorkflowTally[],
  terminal: Terminal,
): string {
  const { width, paint } = terminal
  const nameWidth = Math.max(...tallies.map(({ workflowId }) => workflowId.length)) + 2
  const modes = tallies.map(({ mode, manner }) => `${mode}, ${manner}`)
  const modeWidth = Math.max(...modes.map(({ length }) => length)) + 2
  return tallies
    .map(({ workflowId }, index) => {
      const does = oneLine(workflows[index]!.does, Math.max(0, width - nameWidth - modeWidth))
      const room = width - nameWidth - modeWidth
      const line = `${modes[index]!.padEnd(modeWidth)}${room >= 20 ? paint('dim', does) : ''}`
      return `${paint('bold', workflowId.padEnd(nameWidth))}${line}`.trimEnd()
    })
    .join('\n')
}

/** The table: what became of the events and of the runs, a column per workflow and one for all of them. */
export function tabulate(tallies: readonly WorkflowTally[], terminal: Terminal): string {
  const totals = tallies.length > 1
  const counts = (name: string, of: (tally: WorkflowTally) => number): TableRow => {
    const cells = tallies.map(of)
    const sum = cells.reduce((total, each) => total + each, 0)
    return {
      name,
      cells: [...cells, ...(totals ? [sum] : [])].map((each) => (each === 0 ? '·' : String(each))),
    }
  }
  const isEmpty = ({ cells }: TableRow) => cells!.every((cell) => cell === '·')
  const outcomes = (names: typeof FINAL_OUTCOMES, prefix: string, suffix: string) =>
    names
      .map((outcome) => counts(`${prefix}${outcome}${suffix}`, (tally) => tally.outcomes.get(outcome) ?? 0))
      .filter((row) => !isEmpty(row))
  const duration = (name: string, share: number): TableRow => {
    const of = (durations: readonly number[]) => {
      const value = percentile(durations, share)
      return value === undefined ? '·' : formatMs(value)
    }
    const all = tallies.flatMap(({ durationsMs }) => durationsMs)
    return {
      name,
      cells: [...tallies.map(({ durationsMs }) => of(durationsMs)), ...(totals ? [of(all)] : [])],
    }
  }
  return renderTable(
    [
      { name: '', cells: [...tallies.map(({ workflowId }) => workflowId), 'all'], style: 'bold' },
      { name: 'mode', cells: tallies.map(({ mode }) => mode), style: 'dim' },
      { name: '', cells: tallies.map(({ manner }) => manner), style: 'dim' },
      { ...counts('events', ({ matched }) => matched), style: 'cyan' },
      ...outcomes(FINAL_OUTCOMES, '  ', ''),
      ...outcomes(INTERIM_OUTCOMES, '  ', ' first'),
      { ...counts('runs', ({ durationsMs }) => durationsMs.length), style: 'cyan' },
      ...RUN_ENDS.map((end) => counts(`  ${end}`, ({ runs }) => runs.get(end) ?? 0)).filter(
        (row) => !isEmpty(row),
      ),
      duration('  p50', 0.5),
      duration('  p99', 0.99),
    ],
    terminal,
  )
}

/** Events that matched and never came to an end, or came to two; empty when all is well. */
export function lostEvents(tallies: readonly WorkflowTally[]): string[] {
  return tallies
    .filter((tally) => endedEvents(tally) !== tally.matched)
    .map(
      (tally) => `${tally.workflowId}: ${tally.matched} events matched, ${endedEvents(tally)} came to an end`,
    )
}

/** Why runs failed: the most frequent reason of each workflow first. */
export function listFailures(tallies: readonly WorkflowTally[], { width, paint }: Terminal): string[] {
  const failures = tallies.flatMap(({ workflowId, failures }) =>
    [...failures]
      .sort(([, a], [, b]) => b - a)
      .slice(0, MOST_REASONS)
      .map(([message, count]) => `${count} × ${workflowId}: ${message}`),
  )
  if (failures.length === 0) return []
  return ['runs failed with', ...failures.map((failure) => paint('red', oneLine(failure, width - 4)))].map(
    (line, index) => (index === 0 ? line : `    ${line}`),
  )
}

/** What the workflows have found out, from the events they published. */
export function summarizeFindings({ reports, releases }: ReplayResult, { width }: Terminal): string[] {
  const lines: string[] = []
  const counted = reports.reduce((sum, { deliveries }) => sum + deliveries, 0)
  if (counted > 0) {
    const types = rank(reports.map(({ types }) => types))
    const repositories = rank(reports.map(({ repositories }) => repositories))
    lines.push(
      `statistics counted ${counted} deliveries of ${types.length} types from ${repositories.length} repositories`,
      ...[`most often: ${listTop(types)}`, `busiest: ${listTop(repositories)}`].map(indent),
    )
  }
  const last = releases.findLast(({ notes }) => notes.includes('- ')) ?? releases.at(-1)
  if (last) {
    lines.push(
      `release-train shipped ${releases.length === 1 ? 'a release' : `${releases.length} releases`}, such as`,
    )
    lines.push(...last.notes.split('\n').filter(Boolean).map(indent))
  }
  return lines.map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line))
}

function indent(text: string): string {
  return `    ${oneLine(text)}`
}

/** Three runs as charts. */
export async function drawRuns({ timelines }: ReplayResult, terminal: Terminal): Promise<string[]> {
  const runs = await pickRuns(timelines, 3)
  return runs.length === 0
    ? []
    : [...runs.map(({ meta, events }) => drawTimeline(meta, events, terminal)), drawLegend(terminal)]
}

function rank(counts: readonly Readonly<Record<string, number>>[]): [string, number][] {
  const sums = new Map<string, number>()
  for (const each of counts) {
    for (const [name, count] of Object.entries(each)) sums.set(name, (sums.get(name) ?? 0) + count)
  }
  return [...sums].sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
}

function listTop(ranked: readonly [string, number][]): string {
  return ranked
    .slice(0, 3)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
