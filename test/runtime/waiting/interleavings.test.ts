import { describe, expect, it } from 'vitest'
import {
  type AnyPipeline,
  type BusEvent,
  type PauseService,
  type RegistrationOptions,
  type ResumeCause,
  type StepContext,
  advance,
  defineWorkflow,
  pause,
} from 'busline'
import { memoryStorage } from '../../../src/storage/memory-storage.js'
import { faultInjecting } from '../../../src/testing/index.js'
import { openRuntime } from '../open-runtime.js'

/** How often the run goes round: it asks, pauses, and notes what ended the pause. */
const ROUNDS = 3
/** After the run has parked, the sweep goes on for so many instants. */
const INSTANTS_AFTER = 3

type Stages = AnyPipeline['stages']

/** A way to wait, and from when on the event must not be lost: the step calls `open` then. */
interface Shape {
  readonly stages: (open: () => void, note: (resume: ResumeCause | undefined) => void) => Stages
  readonly options?: RegistrationOptions
}

const breathe = async (times: number) => {
  for (let time = 0; time < times; time++) await Promise.resolve()
}

const round = ({ state }: { state: { round?: number } }) => ({ round: (state.round ?? 0) + 1 })
const isLast = ({ state }: { state: { round: number } }) => state.round >= ROUNDS

const noteStage = (note: (resume: ResumeCause | undefined) => void): Stages[number] => ({
  id: 'note',
  steps: { note: ({ resume }: StepContext) => void note(resume) },
  router: (context: { state: { round: number } }) => (isLast(context) ? advance() : 'ask'),
})

const registering =
  (breaths: number) =>
  (open: () => void) =>
  async ({ use, state }: StepContext<{ round?: number }>) => {
    const service = await use((deps) => deps.require<PauseService>('__pause_service__'))
    const registered = service.register({ event: 'a' })
    if (state.round === undefined) open()
    await registered
    await breathe(breaths)
    return round({ state })
  }

const SHAPES: Readonly<Record<string, Shape>> = {
  'a step that registers, and a router that answers at once': {
    stages: (open, note) => [
      { id: 'ask', steps: { ask: registering(0)(open) }, router: () => pause({ timeout: Infinity }) },
      noteStage(note),
    ],
  },
  'a step that takes its time after it registered, and a router that does too': {
    stages: (open, note) => [
      {
        id: 'ask',
        steps: { ask: registering(5)(open) },
        router: async () => {
          await breathe(5)
          return pause({ timeout: '1h' })
        },
      },
      noteStage(note),
    ],
  },
  'a step that registers stages before the pause, with every hook': {
    stages: (open, note) => [
      { id: 'ask', steps: { ask: registering(1)(open) } },
      { id: 'between', steps: { one: () => breathe(3), two: () => breathe(2) } },
      { id: 'wait', router: () => pause({ timeout: Infinity }) },
      noteStage(note),
    ],
    options: {
      onPrepare: () => breathe(1),
      onResume: () => breathe(2),
      onComplete: () => breathe(1),
      mode: { type: 'transient', concurrency: 1 },
    },
  },
  'a stage that watches from the start of its pipeline': {
    stages: (open, note) => [
      {
        id: 'ask',
        steps: {
          ask: async ({ state }: StepContext<{ round?: number }>) => {
            if (state.round === undefined) open()
            await breathe(4)
            return round({ state })
          },
        },
        watch: { event: 'a' },
        where: (_event: BusEvent, state: { round?: number }) => state.round! > 0,
        router: () => pause({ timeout: Infinity }),
      },
      noteStage(note),
    ],
    options: { mode: { type: 'serialized' } },
  },
  'a step compared with what only its own commit writes': {
    stages: (open, note) => [
      {
        id: 'ask',
        steps: {
          ask: async ({ use, state }: StepContext<{ round?: number }>) => {
            const service = await use((deps) => deps.require<PauseService>('__pause_service__'))
            const conditions = [{ field: 'key', op: '==', valueFrom: 'key' }] as const
            const registered = service.register({ event: 'a', conditions })
            if (state.round === undefined) open()
            await registered
            await breathe(3)
            return { ...round({ state }), key: 'mine' }
          },
        },
        router: () => pause({ timeout: Infinity }),
      },
      noteStage(note),
    ],
  },
  'a child, beside one that works': {
    stages: (open, note) => [
      {
        id: 'fan',
        pipelines: [
          {
            id: 'waits',
            stages: [
              { id: 'ask', steps: { ask: registering(2)(open) }, router: () => pause({ timeout: Infinity }) },
              noteStage(note),
            ],
          },
          { id: 'works', stages: [{ id: 'work', steps: { work: () => breathe(10) } }] },
        ],
      },
    ],
  },
  'a child of a child, whose parents wait for it': {
    stages: (open, note) => [
      {
        id: 'outer',
        forEach: () => ['only'],
        pipelines: [
          {
            id: 'middle',
            stages: [
              {
                id: 'inner',
                pipelines: [
                  {
                    id: 'leaf',
                    stages: [
                      {
                        id: 'ask',
                        steps: { ask: registering(0)(open) },
                        router: () => pause({ timeout: '1h' }),
                      },
                      noteStage(note),
                    ],
                  },
                ],
              },
            ],
          },
        ],
      },
    ],
  },
}

/** One run of a shape, in which the test publishes the events of the rounds one after the other. */
async function begin({ stages, options }: Shape, isDurable: boolean) {
  // What is durable commits in its own time: the windows are longer and have more instants.
  const storage = faultInjecting(memoryStorage(), { faults: [], isDurable })
  const { runtime, bus, clock, faults } = openRuntime({ storage })
  const taken: unknown[] = []
  let openWindow = () => {}
  const opened = new Promise<void>((resolve) => (openWindow = resolve))
  let onOpen = () => {}
  const pipeline = {
    id: 'main',
    stages: stages(
      () => {
        onOpen()
        openWindow()
      },
      (resume) => void taken.push(resume?.kind === 'event' ? resume.event.id : resume?.kind),
    ),
  }
  const registered = runtime.register(
    defineWorkflow({ id: 'w', triggers: { go: { event: 'go' } }, pipelines: { main: pipeline } }),
    options,
  )
  await clock.settle()
  await registered
  const timersBefore = clock.pendingTimers
  return {
    runtime,
    bus,
    clock,
    faults,
    taken,
    opened,
    publish: () => bus.publish('a', { key: 'mine' }).id,
    start: (whenOpen: () => void) => {
      onOpen = whenOpen
      bus.publish('go', {})
    },
    status: () => runtime.listAllRuns()[0]!.status,
    timersLeft: () => clock.pendingTimers - timersBefore,
  }
}

/** Runs an attempt for every instant until the run was parked by then, and says what it found the run doing. */
async function sweep(attempt: (instant: number) => Promise<string>): Promise<readonly string[]> {
  const found: string[] = []
  for (let instant = 0, parked = 0; parked < INSTANTS_AFTER; instant++) {
    const status = await attempt(instant)
    found.push(status)
    parked = status === 'paused' ? parked + 1 : 0
    if (instant > 300) throw new Error('The run never parks')
  }
  return found
}

const CASES = Object.entries(SHAPES).flatMap(([name, shape]) => [
  [name, 'in memory', shape, false] as const,
  [name, 'on durable storage', shape, true] as const,
])

describe.each(CASES)('with %s, %s', (_name, _storage, shape, isDurable) => {
  it('an event at any instant from register to the pause ends that pause, and the others end by theirs', async () => {
    const found = await sweep(async (instant) => {
      const run = await begin(shape, isDurable)
      const ids: string[] = []
      let status = ''
      run.start(() => {
        void breathe(instant).then(() => {
          status = run.status()
          ids.push(run.publish())
        })
      })
      await run.clock.settle()
      expect(run.taken, `at instant ${instant}`).toEqual(ids)
      while (ids.length < ROUNDS) {
        ids.push(run.publish())
        await run.clock.settle()
      }
      expect(run.taken, `at instant ${instant}`).toEqual(ids)
      expect([run.status(), run.timersLeft(), run.faults]).toEqual(['succeeded', 0, []])
      expect(run.bus.hasSubscribers('a')).toBe(false)
      return status
    })
    expect(found.filter((status) => status === 'running').length).toBeGreaterThan(3)
  })

  it('an event at any instant between a resume and the next pause ends the next', async () => {
    for (const by of ['event', 'manual'] as const) {
      const found = await sweep(async (instant) => {
        const run = await begin(shape, isDurable)
        run.start(() => {})
        await run.clock.settle()
        const expected: unknown[] = []
        const { runId } = run.runtime.listAllRuns()[0]!
        if (by === 'event') expected.push(run.publish())
        else {
          expected.push('manual')
          void run.runtime.resume(runId)
        }
        await breathe(instant)
        const status = run.taken.length === 0 ? 'running' : run.status()
        expected.push(run.publish())
        await run.clock.settle()
        expect(run.taken, `${by} at instant ${instant}`).toEqual(expected)
        expected.push(run.publish())
        await run.clock.settle()
        expect(run.taken, `${by} at instant ${instant}`).toEqual(expected)
        expect([run.status(), run.timersLeft()]).toEqual(['succeeded', 0])
        return status
      })
      expect(found.filter((status) => status === 'running').length).toBeGreaterThan(3)
    }
  })

  it('an abort at any instant ends the run at once, and leaves nothing behind', async () => {
    await sweep(async (instant) => {
      const run = await begin(shape, isDurable)
      let status = ''
      let aborted: Promise<unknown> | undefined
      run.start(() => {
        void breathe(instant).then(() => {
          status = run.status()
          aborted = run.runtime.abort(run.runtime.listAllRuns()[0]!.runId)
        })
      })
      await run.clock.settle()
      expect(await aborted, `at instant ${instant}`).toMatchObject({ ok: true, value: { status: 'aborted' } })
      run.publish()
      await run.clock.settle()
      expect([run.taken, run.timersLeft(), run.bus.hasSubscribers('a')]).toEqual([[], 0, false])
      return status
    })
  })

  it('a resume against an event, at any two instants, is two resumes or a refusal and one', async () => {
    const outcomes = new Set<boolean>()
    for (const isEventFirst of [true, false]) {
      await sweep(async (instant) => {
        const run = await begin(shape, isDurable)
        run.start(() => {})
        await run.clock.settle()
        const { runId } = run.runtime.listAllRuns()[0]!
        let id = ''
        const acts = [() => void (id = run.publish()), () => run.runtime.resume(runId)] as const
        let resumed: Promise<{ ok: boolean }> | undefined
        if (isEventFirst) acts[0]()
        else resumed = acts[1]()
        await breathe(instant)
        const status = run.status()
        if (isEventFirst) resumed = acts[1]()
        else acts[0]()
        await run.clock.settle()
        const { ok } = await resumed!
        outcomes.add(ok)
        const expected = isEventFirst ? [id, 'manual'] : ['manual', id]
        expect(run.taken, `at instant ${instant}`).toEqual(ok ? expected : [id])
        await run.runtime.stop()
        return status
      })
    }
    expect(outcomes).toEqual(new Set([true, false]))
  })

  it('two events at any two instants of the window end two pauses, in the order they came', async () => {
    const first = await begin(shape, isDurable)
    let window = 0
    first.start(() => {
      void (async () => {
        while (first.status() !== 'paused') {
          await breathe(1)
          window++
        }
      })()
    })
    await first.clock.settle()
    for (let one = 0; one <= window; one++) {
      for (const gap of [0, 1, 2, 5, window]) {
        const run = await begin(shape, isDurable)
        const ids: string[] = []
        run.start(() => {
          void breathe(one).then(async () => {
            ids.push(run.publish())
            await breathe(gap)
            ids.push(run.publish())
          })
        })
        await run.clock.settle()
        expect(run.taken, `at instants ${one} and ${one + gap}`).toEqual(ids)
        await run.runtime.stop()
      }
    }
  })
})

describe('with a pause that names what it waits for', () => {
  it('an event at any instant from the answer of the router on ends the pause, once', async () => {
    const found = await sweep(async (instant) => {
      const { runtime, bus, clock } = openRuntime()
      const taken: unknown[] = []
      let status = ''
      let id = ''
      await runtime.register(
        defineWorkflow({
          id: 'w',
          triggers: { go: { event: 'go' } },
          pipelines: {
            main: {
              id: 'main',
              stages: [
                {
                  id: 'ask',
                  steps: { s: ({ publish }: StepContext) => void publish('asked', {}) },
                  router: () => pause({ until: { event: 'a' }, timeout: '1h' }),
                },
                { id: 'note', steps: { s: ({ resume }: StepContext) => void taken.push(resume) } },
              ],
            },
          },
        }),
      )
      // What the stage publishes leaves with the commit of the pause: whoever answers it at once must be heard.
      bus.subscribe('asked', () => {
        void breathe(instant).then(() => {
          status = runtime.listAllRuns()[0]!.status
          id = bus.publish('a', {}).id
        })
        if (instant === 0) id = bus.publish('a', {}).id
      })
      bus.publish('go', {})
      await clock.settle()
      expect(taken).toMatchObject([{ kind: 'event', event: { id: instant === 0 ? expect.any(String) : id } }])
      return status
    })
    expect(found.length).toBeGreaterThan(INSTANTS_AFTER)
  })
})
