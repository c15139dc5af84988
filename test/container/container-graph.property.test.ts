import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ArtifactContainer } from '../../src/container/artifact-container.js'
import { isSystemError } from '../../src/core/system-error.js'

interface Graph {
  /** For each service the services it asks for, in that order; all at once where `isParallel`. */
  readonly needs: readonly (readonly number[])[]
  readonly isParallel: readonly boolean[]
  /** Turns each factory waits before it asks, and before it returns. */
  readonly delays: readonly (readonly [number, number])[]
  /** Which services are asked for, concurrently. */
  readonly asked: readonly number[]
}

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

function graphs(isAcyclic: boolean): fc.Arbitrary<Graph> {
  return fc.integer({ min: 1, max: 12 }).chain((size) => {
    const node = fc.integer({ min: 0, max: size - 1 })
    const each = <Value>(arbitrary: fc.Arbitrary<Value>) =>
      fc.array(arbitrary, { minLength: size, maxLength: size })
    const turns = fc.integer({ min: 0, max: 4 })
    return fc.record({
      needs: each(fc.uniqueArray(node, { maxLength: 4 })).map((all) =>
        isAcyclic ? all.map((needs, index) => needs.filter((need) => need > index)) : all,
      ),
      isParallel: each(fc.boolean()),
      delays: each(fc.tuple(turns, turns)),
      asked: fc.array(node, { minLength: 1, maxLength: 6 }),
    })
  })
}

async function wait(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve()
}

function build(graph: Graph) {
  const container = new ArtifactContainer({ logger: quiet })
  const built: number[] = []
  const opened: number[] = []
  const cleaned: number[] = []
  graph.needs.forEach((needs, index) => {
    container.register({
      key: String(index),
      factory: async ({ use, onCleanup }) => {
        const [before, after] = graph.delays[index]!
        await wait(before)
        const ask = (need: number) => use((deps) => deps.require(String(need)))
        if (graph.isParallel[index]) await Promise.all(needs.map(ask))
        else for (const need of needs) await ask(need)
        await wait(after)
        opened.push(index)
        onCleanup(async () => {
          await wait(after)
          cleaned.push(index)
        })
        return index
      },
    })
  })
  container.on('build:complete', ({ key }) => built.push(Number(key)))
  return { container, built, opened, cleaned }
}

/** Everything that is needed to build the roots, themselves included. */
function reachable(graph: Graph, roots: readonly number[]): Set<number> {
  const found = new Set(roots)
  for (const index of found) for (const need of graph.needs[index]!) found.add(need)
  return found
}

function reachesCycle(graph: Graph, root: number): boolean {
  const inside = reachable(graph, [root])
  return [...inside].some((index) => reachable(graph, graph.needs[index]!).has(index))
}

test('any graph without cycles: each service is built once, and cleaned up in exactly the reverse order', async () => {
  await fc.assert(
    fc.asyncProperty(graphs(true), async (graph) => {
      const { container, built, cleaned } = build(graph)
      const values = await Promise.all(graph.asked.map((index) => container.require(String(index))))
      expect(values).toEqual(graph.asked)
      expect(new Set(built)).toEqual(reachable(graph, graph.asked))
      expect(built).toHaveLength(new Set(built).size)
      await container.dispose()
      expect(cleaned).toEqual(built.toReversed())
    }),
    { numRuns: 1_500 },
  )
})

test('any graph: asking ends, with a service if no cycle is below it, else with a path that is a real cycle', async () => {
  await fc.assert(
    fc.asyncProperty(graphs(false), async (graph) => {
      const { container, opened, cleaned } = build(graph)
      await Promise.all(
        graph.asked.map(async (index) => {
          const result = await container.resolve<number>(String(index))
          expect(result.ok).toBe(!reachesCycle(graph, index))
          if (result.ok) return expect(result.value).toBe(index)
          expect(isSystemError(result.error) && result.error.code).toBe('VALIDATION')
          const path = (result.error.context as { path: string[] }).path.map(Number)
          expect(path.at(0)).toBe(path.at(-1))
          expect(path.length).toBeGreaterThan(1)
          path.slice(1).forEach((need, step) => expect(graph.needs[path[step]!]).toContain(need))
        }),
      )
      await container.dispose()
      expect(cleaned.toSorted((a, b) => a - b)).toEqual(opened.toSorted((a, b) => a - b))
    }),
    { numRuns: 1_500 },
  )
})

test('any graph without cycles: invalidation gives up a service and what stands on it, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(graphs(true), fc.nat(), async (graph, pick) => {
      const { container, built } = build(graph)
      await Promise.all(graph.needs.map((_, index) => container.require(String(index))))
      const target = pick % graph.needs.length
      const standing = graph.needs.map((_, index) => !reachable(graph, [index]).has(target))
      const done = container.invalidate(String(target))
      expect(graph.needs.map((_, index) => container.peek(String(index)) !== undefined)).toEqual(standing)
      built.length = 0
      const values = await Promise.all(graph.needs.map((_, index) => container.require(String(index))))
      await done
      expect(values).toEqual(graph.needs.map((_, index) => index))
      expect(built.toSorted((a, b) => a - b)).toEqual(
        graph.needs.map((_, index) => index).filter((index) => !standing[index]),
      )
      await container.dispose()
    }),
    { numRuns: 700 },
  )
})
