import type { GraphStep, PlanGraph } from '../../plan/plan-graph.js'
import { labelOf, marksOf } from './draw-plan.js'

const BOX = { width: 180, height: 44 }
const GAP = { x: 40, y: 72 }
const MARGIN = 24

interface Place {
  readonly x: number
  readonly y: number
}

/** A plan as a picture: levels from above, edges with their conditions. Dark or light as the reader's system is. */
export function planSvg(graph: PlanGraph): string {
  const levels = toLevels(graph)
  const widest = Math.max(...levels.map((level) => level.length))
  const width = MARGIN * 2 + widest * BOX.width + (widest - 1) * GAP.x
  const height = MARGIN * 2 + levels.length * BOX.height + (levels.length - 1) * GAP.y
  const places = new Map<string, Place>()
  levels.forEach((level, row) => {
    const taken = level.length * BOX.width + (level.length - 1) * GAP.x
    level.forEach((step, column) => {
      const x = (width - taken) / 2 + column * (BOX.width + GAP.x)
      places.set(step.id, { x, y: MARGIN + row * (BOX.height + GAP.y) })
    })
  })
  const steps = [...graph.steps.values()]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escape(graph.id)}</title>`,
    STYLE,
    ...steps.flatMap((step) => edgesOf(step, places)),
    ...steps.map((step) => boxOf(step, places.get(step.id)!, graph)),
    '</svg>',
    '',
  ].join('\n')
}

const STYLE = `<style>
text { font: 13px system-ui, sans-serif; fill: #1d2430; text-anchor: middle }
.label { font-size: 11px; fill: #566173 }
rect { fill: #f4f6fa; stroke: #8a94a6 } .start { stroke: #1f6feb; stroke-width: 2 }
path { fill: none; stroke: #8a94a6 } .back { stroke-dasharray: 4 3 } .head { fill: #8a94a6; stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ef } .label { fill: #aab3c2 } rect { fill: #222833 }
}
</style>
<marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="head" d="M0 0 8 4 0 8z"/></marker>`

/** Each step on the level after the last of those that lead to it, edges back left aside. */
function toLevels({ steps, start }: PlanGraph): GraphStep[][] {
  const level = new Map<string, number>()
  const order = inOrder(start, steps)
  const position = new Map(order.map((step, index) => [step.id, index]))
  for (const step of order) {
    const own = level.get(step.id) ?? 0
    level.set(step.id, own)
    for (const { to } of step.edges) {
      const isForward = position.get(to)! > position.get(step.id)!
      if (isForward) level.set(to, Math.max(level.get(to) ?? 0, own + 1))
    }
  }
  const levels: GraphStep[][] = []
  for (const step of order) (levels[level.get(step.id)!] ??= []).push(step)
  return levels
}

/** Topological as far as there are no cycles: the reverse of the order in which a search in depth leaves steps. */
function inOrder(start: GraphStep, steps: ReadonlyMap<string, GraphStep>): GraphStep[] {
  const left: GraphStep[] = []
  const seen = new Set<string>()
  for (const first of [...[...steps.values()].filter((step) => step !== start).reverse(), start]) {
    const stack: { readonly step: GraphStep; next: number }[] = []
    const enter = (step: GraphStep) => {
      if (seen.has(step.id)) return
      seen.add(step.id)
      stack.push({ step, next: step.edges.length })
    }
    enter(first)
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      if (top.next > 0) enter(steps.get(top.step.edges[--top.next]!.to)!)
      else left.push(stack.pop()!.step)
    }
  }
  return left.reverse()
}

function boxOf(step: GraphStep, { x, y }: Place, graph: PlanGraph): string {
  const marks = marksOf(step, graph)
  const middle = x + BOX.width / 2
  const name = `<text x="${middle}" y="${y + (marks ? 19 : 27)}">${escape(short(step.id, 24))}</text>`
  const mark = marks
    ? `<text class="label" x="${middle}" y="${y + 35}">${escape(short(marks.trim(), 30))}</text>`
    : ''
  const kind = step === graph.start ? ' class="start"' : ''
  return `<rect${kind} x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="8"/>${name}${mark}`
}

function edgesOf(step: GraphStep, places: ReadonlyMap<string, Place>): string[] {
  const from = places.get(step.id)!
  return step.edges.map((edge) => {
    const to = places.get(edge.to)!
    const [x1, y1] = [from.x + BOX.width / 2, from.y + BOX.height]
    const [x2, y2] = [to.x + BOX.width / 2, to.y]
    const isBack = to.y <= from.y
    const bend = isBack ? BOX.width : 0
    const path = `M${x1} ${y1}C${x1 + bend} ${y1 + GAP.y / 2} ${x2 + bend} ${y2 - GAP.y / 2} ${x2} ${y2}`
    const label = short(labelOf(edge), 32)
    const at = [(x1 + x2) / 2 + bend * 0.75, (y1 + y2) / 2 + 4]
    const words = label ? `<text class="label" x="${at[0]}" y="${at[1]}">${escape(label)}</text>` : ''
    return `<path${isBack ? ' class="back"' : ''} d="${path}" marker-end="url(#head)"/>${words}`
  })
}

function short(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escape(text: string): string {
  // What XML 1.0 cannot hold is left out.
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g, '')
    .replace(/[&<>"]/g, (sign) => ENTITIES[sign]!)
}
