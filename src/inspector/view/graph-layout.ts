import { END, type GraphEdge, type GraphNode, type PathGraph, START } from '../model/path-graph.js'

export const NODE_WIDTH = 232
export const NODE_HEIGHT = 62
const GAP = 46
const CAP_HEIGHT = 26
/** Room at each side for ways that are not the next in order. */
const LANE = 46
const FRAME = { top: 42, side: 18, bottom: 18 } as const

export interface PlacedNode {
  readonly node: GraphNode
  readonly x: number
  readonly y: number
  readonly frames: readonly PlacedFrame[]
}

/** A child pipeline, drawn beside the stage that forked it. */
export interface PlacedFrame {
  readonly graph: PathGraph
  readonly layout: GraphLayout
  readonly x: number
  readonly y: number
}

export interface PlacedEdge {
  readonly edge: GraphEdge
  readonly path: string
  readonly kind: 'next' | 'back' | 'skip'
  readonly labelX: number
  readonly labelY: number
}

export interface GraphLayout {
  readonly nodes: readonly PlacedNode[]
  readonly edges: readonly PlacedEdge[]
  readonly start: { readonly x: number; readonly y: number }
  readonly end: { readonly x: number; readonly y: number } | undefined
  readonly width: number
  readonly height: number
}

/** Stages from top to bottom in the order of their first visit; ways back at the left, ways ahead at the right. */
export function layOut(graph: PathGraph): GraphLayout {
  const order = [...graph.nodes.values()]
  const hasEnd = [...graph.edges.values()].some(({ to }) => to === END)
  const rank = new Map<string, number>([
    [START, -1],
    [END, order.length],
  ])
  order.forEach(({ stageId }, index) => rank.set(stageId, index))
  const sideways = [...graph.edges.values()].filter((edge) => spanOf(edge, rank) !== 1)
  const left = LANE + 14 * sideways.filter((edge) => spanOf(edge, rank) < 1).length
  const lanes = sideways.filter((edge) => spanOf(edge, rank) > 1).length
  const right = lanes > 0 ? LANE + 14 * lanes : 24
  const centre = left + NODE_WIDTH / 2

  let y = CAP_HEIGHT + GAP
  let width = left + NODE_WIDTH + right
  const nodes = order.map((node): PlacedNode => {
    const frames: PlacedFrame[] = []
    let x = left + NODE_WIDTH + right + 24
    let height = NODE_HEIGHT
    for (const child of node.children.values()) {
      const layout = layOut(child)
      frames.push({ graph: child, layout, x, y })
      x += layout.width + FRAME.side * 2 + 24
      height = Math.max(height, layout.height + FRAME.top + FRAME.bottom)
      width = Math.max(width, x)
    }
    const placed = { node, x: left, y, frames }
    y += height + GAP
    return placed
  })
  const end = hasEnd ? { x: centre, y } : undefined
  const at = (id: string) =>
    id === START
      ? { top: 0, bottom: CAP_HEIGHT }
      : id === END
        ? { top: y, bottom: y + CAP_HEIGHT }
        : { top: nodes[rank.get(id)!]!.y, bottom: nodes[rank.get(id)!]!.y + NODE_HEIGHT }
  let backLane = 0
  let skipLane = 0
  const edges = [...graph.edges.values()].map((edge): PlacedEdge => {
    const span = spanOf(edge, rank)
    const from = at(edge.from)
    const to = at(edge.to)
    if (span === 1) {
      const path = `M ${centre} ${from.bottom} L ${centre} ${to.top - 7}`
      return { edge, path, kind: 'next', labelX: centre + 12, labelY: (from.bottom + to.top) / 2 }
    }
    const isBack = span < 1
    const startY = (from.top + from.bottom) / 2 + (isBack ? 8 : -4)
    const endY = (to.top + to.bottom) / 2 + (isBack ? -8 : edge.to === END ? 0 : 4)
    const bend = 26 + 14 * (isBack ? backLane++ : skipLane++)
    const direction = isBack ? -1 : 1
    const half = (id: string) => (id === START || id === END ? 34 : NODE_WIDTH / 2)
    const startX = centre + direction * half(edge.from)
    const endX = centre + direction * (half(edge.to) + 7)
    const lane = centre + direction * (NODE_WIDTH / 2 + bend)
    const turn = endY > startY ? 12 : -12
    const path =
      `M ${startX} ${startY} L ${lane - direction * 12} ${startY} Q ${lane} ${startY} ${lane} ${startY + turn} ` +
      `L ${lane} ${endY - turn} Q ${lane} ${endY} ${lane - direction * 12} ${endY} L ${endX} ${endY}`
    return {
      edge,
      path,
      kind: isBack ? 'back' : 'skip',
      labelX: lane + direction * 10,
      labelY: (startY + endY) / 2,
    }
  })
  return { nodes, edges, start: { x: centre, y: 0 }, end, width, height: y + (hasEnd ? CAP_HEIGHT : -GAP) }
}

/** How far down a way goes; 1 for the next in order. */
function spanOf({ from, to }: GraphEdge, rank: ReadonlyMap<string, number>): number {
  return rank.get(to)! - rank.get(from)!
}
