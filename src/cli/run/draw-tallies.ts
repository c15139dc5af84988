import { formatMs } from '../terminal/durations.js'
import { type TableRow, renderTable } from '../terminal/table.js'
import { type Terminal, oneLine } from '../terminal/terminal.js'
import {
  FINAL_OUTCOMES,
  INTERIM_OUTCOMES,
  RUN_ENDS,
  type WorkflowTally,
  percentile,
} from './workflow-tally.js'

/** How many reasons for failures are listed per workflow. */
const MOST_REASONS = 2

/** The table: what became of the events and of the runs, a column per workflow and one for all of them. */
export function drawTallies(tallies: readonly WorkflowTally[], terminal: Terminal): string {
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
  const manners = tallies.map(({ manner }) => manner)
  return renderTable(
    [
      {
        name: '',
        cells: [...tallies.map(({ workflowId }) => oneLine(workflowId, 40)), ...(totals ? ['all'] : [])],
        style: 'bold',
      },
      { name: 'mode', cells: tallies.map(({ mode }) => mode), style: 'dim' },
      ...(manners.some((manner) => manner !== '')
        ? [{ name: '', cells: manners, style: 'dim' } as const]
        : []),
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
