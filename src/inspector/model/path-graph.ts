import type { TimelineEvent } from '../../timeline/timeline-event.js'
import { text } from './event-text.js'

export type NodeStatus = 'running' | 'ok' | 'failed' | 'aborted' | 'waiting'

/** A visit, from the event that began it to the one that ended it. */
export interface Visit {
  readonly from: number
  to: number
}

export interface GraphNode {
  readonly stageId: string
  readonly visits: Visit[]
  readonly steps: Set<string>
  status: NodeStatus
  failures: number
  retries: number
  /** Over all visits that have ended. */
  durationMs: number
  /** What the run waited for after this stage, by kind, with how often. */
  readonly waits: Map<string, number>
  /** Pipelines that were forked here, by id. */
  readonly children: Map<string, PathGraph>
}

export interface GraphEdge {
  /** A stage, or `START`. */
  readonly from: string
  /** A stage, or `END`. */
  readonly to: string
  count: number
  /** When it was taken first. */
  readonly seq: number
}

/** The stages of a pipeline in the order in which they were first visited, and the ways taken between them. */
export interface PathGraph {
  readonly pipelineId: string
  readonly nodes: Map<string, GraphNode>
  readonly edges: Map<string, GraphEdge>
  /** How many runs of it are drawn on top of each other: 1, or the children of a fork. */
  runs: number
  succeeded: number
  failed: number
}

export const START = '\u0000start'
export const END = '\u0000end'

interface Walk {
  readonly graph: PathGraph
  /** The stage that was entered last. */
  at: string
  startedAt: number
}

/** What is shown of a run as a graph: only what its events tell, so the path taken and nothing else. */
export function toPathGraph(events: readonly TimelineEvent[]): PathGraph | undefined {
  let root: PathGraph | undefined
  const walks = new Map<string, Walk>()
  for (const event of events) {
    const { type, payload } = event
    const path = text(payload['path']) ?? ''
    if (type === 'pipeline:start') {
      const graph = childGraph(walks, path, text(payload['pipelineId']) ?? '')
      graph.runs++
      walks.set(path, { graph, at: START, startedAt: event.timestamp })
      if (path === '') root = graph
    } else if (type.startsWith('step:')) {
      const stage = path.slice(0, path.lastIndexOf('/'))
      const node = walks.get(parentOf(stage))?.graph.nodes.get(lastPart(stage))
      node?.steps.add(text(payload['stepId']) ?? '')
      if (type === 'step:retry' && node) node.retries++
    } else {
      const walk = walks.get(path)
      if (walk) advance(walk, event)
    }
  }
  return root
}

function advance(walk: Walk, { type, payload, seq, timestamp }: TimelineEvent): void {
  const { graph } = walk
  const node = graph.nodes.get(walk.at)
  switch (type) {
    case 'stage:start': {
      const stageId = text(payload['stageId']) ?? ''
      addEdge(graph, walk.at, stageId, seq)
      const entered = graph.nodes.get(stageId) ?? createNode(stageId)
      entered.visits.push({ from: seq, to: Infinity })
      entered.status = 'running'
      graph.nodes.set(stageId, entered)
      walk.at = stageId
      walk.startedAt = timestamp
      return
    }
    case 'stage:success':
    case 'stage:failure':
      if (!node) return
      node.status = type === 'stage:success' ? 'ok' : 'failed'
      if (type === 'stage:failure') node.failures++
      node.durationMs += Math.max(0, timestamp - walk.startedAt)
      leave(node, seq)
      return
    case 'pipeline:pause': {
      const kind = text(payload['kind']) ?? 'pause'
      node?.waits.set(kind, (node.waits.get(kind) ?? 0) + 1)
      if (node) node.status = 'waiting'
      return
    }
    case 'pipeline:resume':
      if (node?.status === 'waiting') node.status = 'ok'
      return
    case 'pipeline:success':
      graph.succeeded++
      if (node?.status === 'waiting') node.status = 'ok'
      addEdge(graph, walk.at, END, seq)
      return
    case 'pipeline:failure':
    case 'pipeline:abort':
      graph.failed++
      if (node && (node.status === 'running' || node.status === 'waiting')) node.status = 'aborted'
      if (node) leave(node, seq)
      return
    default:
  }
}

function leave(node: GraphNode, seq: number): void {
  for (const visit of node.visits) if (visit.to === Infinity) visit.to = seq
}

function childGraph(walks: ReadonlyMap<string, Walk>, path: string, pipelineId: string): PathGraph {
  const empty = (): PathGraph => ({
    pipelineId,
    nodes: new Map(),
    edges: new Map(),
    runs: 0,
    succeeded: 0,
    failed: 0,
  })
  if (path === '') return empty()
  const stage = parentOf(path)
  const node = walks.get(parentOf(stage))?.graph.nodes.get(lastPart(stage))
  if (!node) return empty()
  let graph = node.children.get(pipelineId)
  if (!graph) node.children.set(pipelineId, (graph = empty()))
  return graph
}

function createNode(stageId: string): GraphNode {
  return {
    stageId,
    visits: [],
    steps: new Set(),
    status: 'running',
    failures: 0,
    retries: 0,
    durationMs: 0,
    waits: new Map(),
    children: new Map(),
  }
}

function addEdge(graph: PathGraph, from: string, to: string, seq: number): void {
  const key = `${from}\u0000${to}`
  const edge = graph.edges.get(key)
  if (edge) edge.count++
  else graph.edges.set(key, { from, to, count: 1, seq })
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
