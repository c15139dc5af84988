import type { GraphEdge, GraphStep, PlanGraph } from '../../plan/plan-graph.js'
import { labelOf, marksOf } from './draw-plan.js'

const BOX = { width: 180, height: 44 }
const GAP = { x: 40, y: 84 }
const MARGIN = 24

/** How far an edge back goes out to the right of its boxes, and the room for its label. */
const BACK = { bend: 48, label: 190 }

interface Place {
  readonly x: number
  readonly y: number
}

/** A plan as a picture: levels from above, edges with their conditions. Dark or light as the reader's system is. */
export function planSvg(graph: PlanGraph): string {
  const levels = toLevels(graph)
  const widest = Math.max(...levels.map((level) => level.length))
  const inner = MARGIN * 2 + widest * BOX.width + (widest - 1) * GAP.x
  const hasLoops = [...graph.steps.values()].some(({ edges }) => edges.some(isLoop))
  const width = inner + (hasLoops ? BACK.label : 0)
  const height = MARGIN * 2 + levels.length * BOX.height + (levels.length - 1) * GAP.y
  const places = new Map<string, Place>()
  levels.forEach((level, row) => {
    const taken = level.length * BOX.width + (level.length - 1) * GAP.x
    level.forEach((step, column) => {
      const x = (inner - taken) / 2 + column * (BOX.width + GAP.x)
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
.label { font-size: 11px; fill: #566173 } .on { paint-order: stroke; stroke: #fff; stroke-width: 4px } .beside { text-anchor: start }
rect { fill: #f4f6fa; stroke: #8a94a6 } .start { stroke: #1f6feb; stroke-width: 2 }
path { fill: none; stroke: #8a94a6 } .back { stroke-dasharray: 4 3 } .head { fill: #8a94a6; stroke: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ef } .label { fill: #aab3c2 } .on { stroke: #12161d } rect { fill: #222833 }
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
    for (const edge of step.edges) {
      if (isLoop(edge)) continue
      const { to } = edge
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
      stack.push({ step, next: forward(step).length })
    }
    enter(first)
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      if (top.next > 0) enter(steps.get(forward(top.step)[--top.next]!.to)!)
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

const isLoop = ({ loop }: GraphEdge): boolean => loop !== Infinity

const forward = ({ edges }: GraphStep): readonly GraphEdge[] => edges.filter((edge) => !isLoop(edge))

function edgesOf(step: GraphStep, places: ReadonlyMap<string, Place>): string[] {
  const from = places.get(step.id)!
  return step.edges.map((edge) => {
    const to = places.get(edge.to)!
    const label = escape(short(labelOf(edge), 28))
    return to.y <= from.y ? edgeBack(from, to, label) : edgeDown(from, to, label)
  })
}

function edgeDown(from: Place, to: Place, label: string): string {
  const [x1, y1] = [from.x + BOX.width / 2, from.y + BOX.height]
  const [x2, y2] = [to.x + BOX.width / 2, to.y]
  const path = `M${x1} ${y1}C${x1} ${y1 + GAP.y / 2} ${x2} ${y2 - GAP.y / 2} ${x2} ${y2}`
  // Near the target, where edges of one step are apart from each other.
  const words = label ? `<text class="label on" x="${x2}" y="${y2 - 18}">${label}</text>` : ''
  return `<path d="${path}" marker-end="url(#head)"/>${words}`
}

/** Around the right side of the boxes. */
function edgeBack(from: Place, to: Place, label: string): string {
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height * 0.7]
  const [x2, y2] = [to.x + BOX.width, to.y + BOX.height * 0.3]
  const out = Math.max(x1, x2) + BACK.bend
  const words = label
    ? `<text class="label on beside" x="${out - 4}" y="${(y1 + y2) / 2 + 4}">${label}</text>`
    : ''
  return `<path class="back" d="M${x1} ${y1}C${out} ${y1} ${out} ${y2} ${x2} ${y2}" marker-end="url(#head)"/>${words}`
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
