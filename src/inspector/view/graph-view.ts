import { type GraphNode, toPathGraph } from '../model/path-graph.js'
import { formatMs } from '../model/event-text.js'
import type { LoadedRun } from '../model/loaded-run.js'
import { element, svg } from './element.js'
import {
  type GraphLayout,
  NODE_HEIGHT,
  NODE_WIDTH,
  type PlacedFrame,
  type PlacedNode,
  layOut,
} from './graph-layout.js'

const MAX_LABEL = 21

/** The pipeline as the path that the run took, with how often each way was taken; where the slider stands is lit. */
export class GraphView {
  readonly element: HTMLElement
  readonly #onSeek: (seq: number) => void
  #nodes: { readonly node: GraphNode; readonly shape: SVGElement }[] = []
  #edges: { readonly seq: number; readonly shape: SVGElement }[] = []
  #position = 0
  #signature = ''

  constructor(onSeek: (seq: number) => void) {
    this.#onSeek = onSeek
    this.element = element('div', {
      class: 'graph-view',
      role: 'group',
      attributes: { 'aria-label': 'The path taken', tabindex: '-1' },
      on: { keydown: (event) => this.#onKey(event as KeyboardEvent) },
    })
  }

  show(run: LoadedRun): void {
    const graph = toPathGraph(run.events)
    const signature = `${run.runId}/${run.events.length}`
    if (signature === this.#signature) return
    this.#signature = signature
    this.#nodes = []
    this.#edges = []
    if (!graph || graph.nodes.size === 0) {
      this.element.replaceChildren(element('div', { class: 'vlist-empty', text: 'No stage was visited yet' }))
      return
    }
    const layout = layOut(graph)
    const [width, height] = [layout.width + 24, layout.height + 40]
    const drawing = svg('svg', {
      class: 'graph',
      attributes: { viewBox: `0 0 ${width} ${height}`, width: String(width), height: String(height) },
    })
    drawing.append(arrowHead(), this.#drawGraph(layout, 12, 20))
    this.element.replaceChildren(drawing)
    if (this.#nodes[0]) this.#nodes[0].shape.setAttribute('tabindex', '0')
    this.moveTo(this.#position)
  }

  /** @param reveals Whether to have the stage that runs there in sight. */
  moveTo(position: number, reveals = false): void {
    this.#position = position
    let lit: SVGElement | undefined
    for (const { node, shape } of this.#nodes) {
      const visit = node.visits[lastVisit(node, position)]
      shape.classList.toggle('future', !visit)
      const isNow = visit !== undefined && position <= visit.to
      shape.classList.toggle('now', isNow)
      if (isNow) lit = shape
    }
    for (const { seq, shape } of this.#edges) shape.classList.toggle('future', seq > position)
    if (reveals) lit?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }

  #drawGraph(layout: GraphLayout, x: number, y: number): SVGElement {
    const group = svg('g', { attributes: { transform: `translate(${x} ${y})` } })
    for (const { edge, path, kind, labelX, labelY } of layout.edges) {
      const shape = svg('g', { class: `edge e-${kind}` })
      shape.append(svg('path', { attributes: { d: path, 'marker-end': 'url(#arrow)' } }))
      if (edge.count > 1) {
        const anchor = kind === 'back' ? 'end' : 'start'
        shape.append(
          svg('text', {
            text: `×${edge.count}`,
            attributes: { x: String(labelX), y: String(labelY + 4), 'text-anchor': anchor },
          }),
        )
      }
      this.#edges.push({ seq: edge.seq, shape })
      group.append(shape)
    }
    group.append(cap('start', layout.start))
    if (layout.end) group.append(cap('end', layout.end))
    for (const placed of layout.nodes) {
      group.append(this.#drawNode(placed))
      for (const frame of placed.frames) group.append(this.#drawFrame(frame, placed))
    }
    return group
  }

  #drawNode({ node, x, y }: PlacedNode): SVGElement {
    const { stageId, visits, status, steps, retries, durationMs, waits, failures } = node
    const facts = [whatItDoes(node), formatMs(durationMs), retries > 0 ? `${retries} retried` : ''].filter(
      Boolean,
    )
    const words = `Stage ${stageId}: ${status}, visited ${visits.length} times, ${facts.join(', ')}${failures > 0 ? `, failed ${failures} times` : ''}`
    const shape = svg('g', {
      class: `node s-${status}`,
      role: 'button',
      attributes: {
        transform: `translate(${x} ${y})`,
        tabindex: '-1',
        'aria-label': words,
        'data-stage': stageId,
      },
      on: { click: () => this.#visit(node) },
    })
    shape.append(
      svg('title', { text: `${words}. Steps: ${[...steps].join(', ') || 'none'}` }),
      svg('rect', {
        class: 'box',
        attributes: { width: String(NODE_WIDTH), height: String(NODE_HEIGHT), rx: '12' },
      }),
      svg('rect', {
        class: 'stripe',
        attributes: { x: '0', y: '14', width: '4', height: String(NODE_HEIGHT - 28), rx: '2' },
      }),
      svg('text', { class: 'name', text: shorten(stageId), attributes: { x: '18', y: '27' } }),
      svg('text', { class: 'facts', text: facts.join(' · '), attributes: { x: '18', y: '46' } }),
    )
    if (visits.length > 1) {
      shape.append(
        svg('rect', {
          class: 'pill',
          attributes: { x: String(NODE_WIDTH - 46), y: '12', width: '34', height: '19', rx: '9.5' },
        }),
        svg('text', {
          class: 'pill-text',
          text: `×${visits.length}`,
          attributes: { x: String(NODE_WIDTH - 29), y: '25.5', 'text-anchor': 'middle' },
        }),
      )
    }
    if (waits.size > 0) shape.append(...waitPill(waits))
    this.#nodes.push({ node, shape })
    return shape
  }

  #drawFrame({ graph, layout, x, y }: PlacedFrame, { x: nodeX, y: nodeY }: PlacedNode): SVGElement {
    const [width, height] = [layout.width + 36, layout.height + 60]
    const group = svg('g', { class: 'frame' })
    const label = [
      graph.pipelineId,
      graph.runs > 1 ? `×${graph.runs}` : '',
      graph.failed > 0 ? `${graph.failed} failed` : '',
    ].filter(Boolean)
    const middle = nodeY + NODE_HEIGHT / 2
    group.append(
      svg('path', { class: 'tie', attributes: { d: `M ${nodeX + NODE_WIDTH} ${middle} L ${x} ${middle}` } }),
      svg('rect', {
        attributes: {
          x: String(x),
          y: String(y - 10),
          width: String(width),
          height: String(height),
          rx: '14',
        },
      }),
      svg('text', { text: label.join(' · '), attributes: { x: String(x + 16), y: String(y + 12) } }),
      this.#drawGraph(layout, x + 18, y + 32),
    )
    return group
  }

  /** Goes to the first visit after the slider, or to the first of all. */
  #visit(node: GraphNode): void {
    const next = node.visits.find(({ from }) => from > this.#position) ?? node.visits[0]
    if (next) this.#onSeek(next.from)
  }

  #onKey(event: KeyboardEvent): void {
    const index = this.#nodes.findIndex(({ shape }) => shape === event.target)
    const entry = this.#nodes[index]
    if (!entry) return
    if (event.key === 'Enter' || event.key === ' ') this.#visit(entry.node)
    else {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key]
      const next = step === undefined ? undefined : this.#nodes[index + step]
      if (!next) return
      entry.shape.setAttribute('tabindex', '-1')
      next.shape.setAttribute('tabindex', '0')
      next.shape.focus()
    }
    event.preventDefault()
  }
}

/** What the run waited for after a stage, on the lower edge of its box. */
function waitPill(waits: ReadonlyMap<string, number>): SVGElement[] {
  const kinds = [...waits].map(([kind, count]) => {
    const times = count > 1 ? ` ×${count}` : ''
    return kind === 'pause' ? `waits${times}` : `waits: ${kind}${times}`
  })
  const label = kinds.join(', ')
  const width = 18 + label.length * 6.2
  const x = NODE_WIDTH - width - 12
  const place = { x: String(x), y: String(NODE_HEIGHT - 10), width: String(width), height: '20', rx: '10' }
  const middle = { x: String(x + width / 2), y: String(NODE_HEIGHT + 4), 'text-anchor': 'middle' }
  return [
    svg('rect', { class: 'wait-pill', attributes: place }),
    svg('text', { class: 'wait-text', text: label, attributes: middle }),
  ]
}

function whatItDoes({ steps, children }: GraphNode): string {
  let runs = 0
  for (const child of children.values()) runs += child.runs
  if (runs > 0) return `${runs} ${runs === 1 ? 'child' : 'children'}`
  return steps.size === 1 ? '1 step' : `${steps.size === 0 ? 'no' : steps.size} steps`
}

/** The index of the last visit that had begun at a position; -1 when none had. */
function lastVisit({ visits }: GraphNode, position: number): number {
  let low = 0
  let high = visits.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (visits[middle]!.from <= position) low = middle + 1
    else high = middle
  }
  return low - 1
}

function cap(kind: 'start' | 'end', { x, y }: { readonly x: number; readonly y: number }): SVGElement {
  const group = svg('g', { class: `cap c-${kind}` })
  group.append(
    svg('rect', { attributes: { x: String(x - 34), y: String(y), width: '68', height: '26', rx: '13' } }),
    svg('text', { text: kind, attributes: { x: String(x), y: String(y + 17.5), 'text-anchor': 'middle' } }),
  )
  return group
}

function arrowHead(): SVGElement {
  const marker = svg('marker', {
    attributes: {
      id: 'arrow',
      viewBox: '0 0 8 8',
      refX: '4',
      refY: '4',
      markerWidth: '7',
      markerHeight: '7',
      orient: 'auto',
    },
  })
  marker.append(svg('path', { class: 'arrow', attributes: { d: 'M 0 0.5 L 7 4 L 0 7.5 Z' } }))
  const defs = svg('defs')
  defs.append(marker)
  return defs
}

function shorten(label: string): string {
  return label.length > MAX_LABEL ? `${label.slice(0, MAX_LABEL - 1)}…` : label
}
