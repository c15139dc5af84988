import { describe, expect, it } from 'vitest'
import { END, START, toPathGraph } from '../../src/inspector/model/path-graph.js'
import { layOut } from '../../src/inspector/view/graph-layout.js'
import { recordDay } from './recorded-day.js'

async function recordedGraph() {
  const { timelineStore, ended } = await recordDay()
  return toPathGraph(await timelineStore.getEvents(ended.runId))!
}

describe('toPathGraph()', () => {
  it('tells the ways that were taken, and how often', async () => {
    const { edges, nodes } = await recordedGraph()
    const ways = [...edges.values()].map(({ from, to, count }) => `${from} ${to} ${count}`)
    expect(ways).toEqual([`${START} count 1`, 'count count 1', 'count ask 1', 'ask fan 1', `fan ${END} 1`])
    expect([...nodes.keys()]).toEqual(['count', 'ask', 'fan'])
    expect(nodes.get('count')).toMatchObject({ status: 'ok', retries: 1, failures: 0 })
    expect(nodes.get('count')!.visits).toHaveLength(2)
    expect(nodes.get('ask')!.waits.size).toBe(1)
  })

  it('lays the children of a fork over each other', async () => {
    const { nodes } = await recordedGraph()
    const child = nodes.get('fan')!.children.get('child')!
    expect(child).toMatchObject({ runs: 2, succeeded: 2, failed: 0 })
    expect(child.nodes.get('only')!.visits).toHaveLength(2)
  })

  it('knows nothing of a run without events', () => {
    expect(toPathGraph([])).toBeUndefined()
  })
})

describe('layOut()', () => {
  it('puts no box over another, and all of them inside', async () => {
    const layout = layOut(await recordedGraph())
    const boxes = layout.nodes.flatMap(({ x, y, frames }) => [
      { x, y, width: 232, height: 62 },
      ...frames.map((frame) => ({
        x: frame.x,
        y: frame.y,
        width: frame.layout.width,
        height: frame.layout.height,
      })),
    ])
    for (const [index, box] of boxes.entries()) {
      expect(box.x + box.width).toBeLessThanOrEqual(layout.width)
      expect(box.y + box.height).toBeLessThanOrEqual(layout.height)
      for (const other of boxes.slice(index + 1)) {
        const isApart =
          box.x + box.width <= other.x ||
          other.x + other.width <= box.x ||
          box.y + box.height <= other.y ||
          other.y + other.height <= box.y
        expect(isApart).toBe(true)
      }
    }
    expect(layout.edges.map(({ kind }) => kind)).toEqual(['next', 'back', 'next', 'next', 'next'])
  })
})
