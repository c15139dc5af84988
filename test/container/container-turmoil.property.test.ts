import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ArtifactContainer } from '../../src/container/artifact-container.js'
import type { FactoryContext } from '../../src/container/artifact-template.js'
import { type SimulatedClock, simulatedClock } from '../../src/testing/index.js'

const SIZE = 6

interface Behaviour {
  readonly needs: readonly number[]
  readonly scope: 'workflow' | 'run' | 'transient'
  readonly buildMs: number
  readonly cleanupMs: number
  /** Every so many builds fail; 0 for none. */
  readonly failsEvery: number
  readonly retries: number
  readonly isEager: boolean
}

type Action =
  | {
      readonly type: 'require' | 'invalidate' | 'emit' | 'watch'
      readonly index: number
      readonly run: number
    }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'endRun'; readonly run: number }

const index = fc.nat({ max: SIZE - 1 })
const run = fc.nat({ max: 1 })

const behaviours: fc.Arbitrary<Behaviour[]> = fc
  .array(
    fc.record({
      needs: fc.uniqueArray(index, { maxLength: 3 }),
      scope: fc.constantFrom('workflow' as const, 'workflow' as const, 'run' as const, 'transient' as const),
      buildMs: fc.constantFrom(0, 0, 5, 20),
      cleanupMs: fc.constantFrom(0, 0, 5, 20),
      failsEvery: fc.constantFrom(0, 0, 2, 3),
      retries: fc.nat({ max: 1 }),
      isEager: fc.boolean(),
    }),
    { minLength: SIZE, maxLength: SIZE },
  )
  .map((all) => all.map((each, at) => ({ ...each, needs: each.needs.filter((need) => need > at) })))

const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    fc.record({ type: fc.constantFrom('require', 'require', 'invalidate', 'emit', 'watch'), index, run }),
    fc.record({ type: fc.constant('advance' as const), ms: fc.constantFrom(0, 3, 10, 30) }),
    fc.record({ type: fc.constant('endRun' as const), run }),
  ),
  { maxLength: 30 },
)

function sleep(clock: SimulatedClock, ms: number): Promise<void> | undefined {
  return ms === 0 ? undefined : new Promise((resolve) => void clock.setTimeout(resolve, ms))
}

/** Services that count what is open, in a workflow with two runs. */
function open(all: readonly Behaviour[]) {
  const clock = simulatedClock()
  const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const workflow = new ArtifactContainer({ clock, logger }).scope('workflow')
  const counts = { opened: 0, closed: 0 }
  const live = new Map<string, number>()
  const overlaps: string[] = []
  const emitters = new Map<number, (value: unknown) => void>()
  all.forEach((behaviour, at) => {
    let calls = 0
    workflow.register({
      key: `s${at}`,
      scope: behaviour.scope,
      lazy: !behaviour.isEager,
      retries: behaviour.retries,
      factory: async ({ use, emit, onCleanup }: FactoryContext) => {
        const home = behaviour.scope === 'run' ? use((deps) => deps.select((name: string) => name)) : 'shared'
        const place = `${home} s${at}`
        const call = ++calls
        const inPlace = (live.get(place) ?? 0) + 1
        counts.opened++
        live.set(place, inPlace)
        if (inPlace > 1 && behaviour.scope !== 'transient') overlaps.push(place)
        onCleanup(async () => {
          await sleep(clock, behaviour.cleanupMs)
          counts.closed++
          live.set(place, live.get(place)! - 1)
        })
        for (const need of behaviour.needs) await use((deps) => deps.require(`s${need}`))
        await sleep(clock, behaviour.buildMs)
        if (behaviour.failsEvery && call % behaviour.failsEvery === 0) throw new Error('sometimes')
        emitters.set(at, emit)
        return { at, call }
      },
    })
  })
  const startRun = (name: string) => workflow.scope('run', { name, state: { getState: () => name } })
  const runs = [startRun('a0'), startRun('b0')]
  return { clock, workflow, startRun, runs, counts, overlaps, emitters }
}

test('whatever is asked, given up, emitted and ended at once: answers come, nothing overlaps, nothing stays open', async () => {
  await fc.assert(
    fc.asyncProperty(behaviours, actions, async (all, script) => {
      const { clock, workflow, startRun, runs, counts, overlaps, emitters } = open(all)
      let unanswered = 0
      const answers: Promise<unknown>[] = []
      const ask = (promise: Promise<unknown>) => {
        unanswered++
        answers.push(promise.finally(() => unanswered--))
      }
      for (const [step, action] of script.entries()) {
        if (action.type === 'advance') {
          await clock.advance(action.ms)
        } else if (action.type === 'endRun') {
          ask(runs[action.run]!.dispose())
          runs[action.run] = startRun(`${'ab'[action.run]}${step}`)
        } else {
          const key = `s${action.index}`
          const container = runs[action.run]!
          if (action.type === 'require') ask(container.resolve(key))
          else if (action.type === 'invalidate') ask(container.invalidate(key))
          else if (action.type === 'emit') emitters.get(action.index)?.(step)
          else if (all[action.index]!.scope !== 'transient') container.watch(key, () => {})
        }
      }
      await clock.advance('10s')
      expect(unanswered).toBe(0)
      await Promise.all(answers)
      const done = workflow.dispose()
      await clock.advance('10s')
      await done
      expect(overlaps).toEqual([])
      expect(counts.closed).toBe(counts.opened)
      expect(clock.pendingTimers).toBe(0)
    }),
    { numRuns: 1_000 },
  )
})
