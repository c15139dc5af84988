import type { GraphEdge, GraphStep, PlanGraph } from '../../plan/plan-graph.js'
import { type Terminal, oneLine } from '../terminal/terminal.js'

/** A plan as a tree from its start; a step that several edges lead to is drawn once, and named where it comes again. */
export function drawPlan(graph: PlanGraph, terminal: Terminal): string {
  const { paint } = terminal
  const { steps, start } = graph
  const drawn = new Set<string>()
  const count = steps.size === 1 ? '1 step' : `${steps.size} steps`
  const lines = [`${paint('bold', oneLine(graph.id))}  ${paint('dim', count)}`, '']
  draw(start, '', drawn, lines, graph, terminal)
  const unreached = [...steps.keys()].filter((id) => !drawn.has(id))
  if (unreached.length > 0) {
    lines.push('', paint('yellow', `No edge leads to ${unreached.map((id) => oneLine(id)).join(', ')}`))
  }
  return lines.join('\n')
}

interface Frame {
  readonly step: GraphStep
  readonly indent: string
  readonly edge?: GraphEdge
  readonly isLast: boolean
}

/** Deeper than that a tree cannot be read, and shifts out of the terminal. */
const MAX_INDENT = 60

function draw(
  start: GraphStep,
  indent: string,
  drawn: Set<string>,
  lines: string[],
  graph: PlanGraph,
  { paint, width }: Terminal,
): void {
  const frames: Frame[] = [{ step: start, indent, isLast: true }]
  for (let frame = frames.pop(); frame; frame = frames.pop()) {
    const { step, edge, isLast } = frame
    const branch = edge ? `${frame.indent}${isLast ? '└─' : '├─'} ` : frame.indent
    const isAgain = drawn.has(step.id)
    const label = edge ? labelOf(edge) : ''
    const text = `${label === '' ? '' : `[${label}] `}${edge ? '→ ' : ''}${step.id}${marksOf(step, graph)}`
    const again = isAgain ? ' ↑' : ''
    const line = `${branch}${oneLine(text, Math.max(20, width - branch.length - 2))}${again}`
    lines.push(isAgain ? paint('dim', line) : line)
    if (isAgain) continue
    drawn.add(step.id)
    const inner = edge ? `${frame.indent}${isLast ? '   ' : '│  '}` : frame.indent
    const below = inner.length > MAX_INDENT ? inner.slice(0, MAX_INDENT) : inner
    step.edges.toReversed().forEach((next, index) => {
      const target = graph.steps.get(next.to)!
      frames.push({ step: target, indent: below, edge: next, isLast: index === 0 })
    })
  }
}

/** Under what condition an edge is followed, in a few words; nothing for always. */
export function labelOf({ label, test, loop }: GraphEdge): string {
  const condition =
    label ??
    (test.kind === 'text'
      ? test.source.trim()
      : test.kind === 'outcome'
        ? test.failed
          ? 'on failure'
          : 'on success'
        : test.kind === 'function'
          ? test.holds.name || 'a function'
          : '')
  const bound = loop === Infinity ? '' : `at most ${loop}×`
  return [condition, bound].filter((part) => part !== '').join(', ')
}

/** What is special about a step. */
export function marksOf(step: GraphStep, { start, end }: PlanGraph): string {
  const marks = [
    ...(step === start && step.job === undefined ? ['start'] : []),
    ...(step.id === end ? ['end'] : []),
    ...(step.joinsAll ? ['joins all'] : []),
    ...(step.wait ? [`waits for ${step.wait.event}`] : []),
    ...(step.job === undefined && step !== start ? ['no job'] : []),
  ]
  return marks.length > 0 ? ` (${marks.join(', ')})` : ''
}
