import { type WorkflowTally, endedEvents } from '../../src/cli/run/workflow-tally.js'
import { type Terminal, oneLine } from '../../src/cli/terminal/terminal.js'
import { drawLegend, drawTimeline } from '../../src/cli/timeline/draw-timeline.js'
import type { RegisteredWorkflow } from './registered-workflow.js'
import type { ReplayResult } from './replay.js'
import { pickRuns } from './timeline/pick-runs.js'

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

/** Events that matched and never came to an end, or came to two; empty when all is well. */
export function lostEvents(tallies: readonly WorkflowTally[]): string[] {
  return tallies
    .filter((tally) => endedEvents(tally) !== tally.matched)
    .map(
      (tally) => `${tally.workflowId}: ${tally.matched} events matched, ${endedEvents(tally)} came to an end`,
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
