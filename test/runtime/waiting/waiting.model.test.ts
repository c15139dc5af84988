import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type BusEvent,
  type Condition,
  type PauseOptions,
  type PauseService,
  type ResumeCause,
  type StepContext,
  type WatchDescriptor,
  defineWorkflow,
  pause,
} from 'busline'
import { openRuntime } from '../open-runtime.js'
import { ReferenceWindow } from './reference-window.js'

/** What can happen. `pick` chooses among what there is. */
type Command =
  | { readonly do: 'publish'; readonly type: string; readonly key: string | null }
  | { readonly do: 'again' }
  | { readonly do: 'register'; readonly descriptor: WatchDescriptor }
  | { readonly do: 'cancel'; readonly pick: number }
  | {
      readonly do: 'pause'
      readonly until: WatchDescriptor | undefined
      readonly timeout: number
      readonly patch: Patch
    }
  | { readonly do: 'resume'; readonly patch: Patch }
  | { readonly do: 'signal'; readonly patch: { readonly key: string | null } }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'abort' }

type Patch = { readonly key?: string | null }

const TYPES = ['a', 'b', 'c']
const key = fc.constantFrom('k', 'l', null)
const patch: fc.Arbitrary<Patch> = fc.oneof(
  fc.constant({}),
  key.map((value) => ({ key: value })),
)

const condition: fc.Arbitrary<Condition> = fc.record({
  field: fc.constant('key'),
  op: fc.constantFrom('==' as const, '==' as const, '!=' as const),
  value: key,
})
const fromState: fc.Arbitrary<Condition> = fc.record({
  field: fc.constant('key'),
  op: fc.constantFrom('==' as const, '==' as const, '!=' as const),
  valueFrom: fc.constant('key'),
})
const conditions = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  {
    weight: 3,
    arbitrary: fc.array(fc.oneof(condition, fromState), { minLength: 1, maxLength: 2 }).map((list) => ({
      conditions: list,
    })),
  },
)
const descriptor: fc.Arbitrary<WatchDescriptor> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...TYPES).map((event) => ({ event })),
      fc
        .tuple(fc.subarray(TYPES, { minLength: 1 }), fc.constantFrom('any' as const, 'all' as const))
        .map(([events, mode]) => ({ events, mode })),
    ),
    conditions,
  )
  .map(([types, more]) => ({ ...types, ...more }))

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('publish' as const), type: fc.constantFrom(...TYPES), key }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'again' as const }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('register' as const), descriptor }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), pick: fc.nat(9) }) },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('pause' as const),
      until: fc.option(descriptor, { nil: undefined, freq: 2 }),
      timeout: fc.constantFrom(Infinity, Infinity, 10, 20),
      patch,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('resume' as const), patch }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('signal' as const), patch: key.map((value) => ({ key: value })) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(5, 10) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'abort' as const }) },
)
/** Each sequence ends with pauses, which bring to light what was kept. */
const lastPauses: readonly Command[] = Array.from({ length: 4 }, () => ({
  do: 'pause',
  until: undefined,
  timeout: Infinity,
  patch: {},
}))
const commands = fc.array(command, { maxLength: 14, size: 'max' }).map((list) => [...list, ...lastPauses])

const stageWatch: WatchDescriptor = {
  event: 'c',
  conditions: [{ field: 'key', op: '==', valueFrom: 'key' }],
}

/** A macrotask: whatever was set in motion has come to rest. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
const shortly = (cause: ResumeCause | undefined) => {
  const n = ({ payload }: BusEvent) => (payload as { n: number }).n
  if (cause?.kind === 'event') return [n(cause.event)]
  return cause?.kind === 'events' ? cause.events.map(n) : cause?.kind
}

/** The real thing: a workflow whose runs work until they are let go, one at a time. */
async function openWorkflow(bufferLimit: number, watch: WatchDescriptor | undefined) {
  const { runtime, bus, clock, faults } = openRuntime({ bufferLimit, maxEndedRuns: 1 })
  const run = { causes: [] as unknown[], runId: '', service: undefined as PauseService | undefined }
  let letPause: (options: PauseOptions, patch: Patch) => void = () => {}
  let next: PauseOptions = {}
  await runtime.register(
    defineWorkflow({
      id: 'w',
      triggers: { go: { event: 'go' } },
      pipelines: {
        main: {
          id: 'main',
          stages: [
            {
              id: 'work',
              ...(watch ? { watch } : {}),
              steps: {
                work: async ({ resume, runId, use }: StepContext) => {
                  if (resume) run.causes.push(shortly(resume))
                  run.runId = runId
                  run.service ??= await use((deps) => deps.require<PauseService>('__pause_service__'))
                  return new Promise<Patch>((resolve) => {
                    letPause = (options, change) => {
                      next = options
                      resolve(change)
                    }
                  })
                },
              },
              router: () => pause({ ...next, resumeAt: 'work' }),
            },
          ],
        },
      },
    }),
  )
  return {
    runtime,
    bus,
    clock,
    faults,
    run,
    letPause: (options: PauseOptions, change: Patch) => letPause(options, change),
    begin: async () => {
      run.causes = []
      run.service = undefined
      bus.publish('go', {})
      await settle()
    },
  }
}

type Opened = Awaited<ReturnType<typeof openWorkflow>>

/** Carries one sequence out on both, and compares after each command. */
async function play(opened: Opened, model: ReferenceWindow, sequence: readonly Command[]): Promise<void> {
  const { runtime, bus, clock, run } = opened
  await opened.begin()
  const { runId } = run
  let published = 0
  let last: BusEvent | undefined
  let lastModelled = { n: -1, type: '', key: null as string | null }
  for (const each of sequence) {
    const isWorking = model.status === 'working'
    switch (each.do) {
      case 'publish': {
        const { type, key } = each
        lastModelled = { n: published++, type, key }
        last = bus.publish(type, lastModelled)
        model.publish(lastModelled)
        break
      }
      case 'again':
        if (!last) break
        bus.dispatch(last)
        model.publish(lastModelled)
        break
      case 'register': {
        if (!isWorking) break
        const id = await run.service!.register(each.descriptor)
        expect(model.register(id, each.descriptor)).toBe(id)
        break
      }
      case 'cancel': {
        const own = model.watches.filter(({ origin }) => origin === 'step')
        const { id } = own[each.pick % own.length] ?? { id: 'nobody' }
        const wasThere = own.length > 0 && model.status !== 'ended'
        expect(await run.service!.cancel(id)).toBe(wasThere)
        if (wasThere) model.cancel(id)
        break
      }
      case 'pause': {
        if (!isWorking) break
        const { until, timeout, patch } = each
        opened.letPause({ ...(until ? { until } : {}), timeout }, patch)
        model.pause(until, timeout, patch)
        break
      }
      case 'resume': {
        const isPaused = model.status === 'paused'
        const resumed = runtime.resume(runId, each.patch)
        if (isPaused) model.resume(each.patch)
        else expect(await resumed).toMatchObject({ ok: false })
        break
      }
      case 'signal': {
        const hasEnded = model.status === 'ended'
        const signalled = runtime.signal(runId, each.patch)
        if (hasEnded) expect((await signalled).ok).toBe(false)
        else model.signal(each.patch)
        break
      }
      case 'pass':
        await clock.advance(each.ms)
        model.pass(each.ms)
        break
      case 'abort':
        await runtime.abort(runId)
        model.abort()
    }
    await settle()
    expect(run.causes).toEqual(model.causes)
    const { status, state } = runtime.watch('w', runId)!
    const expected = { working: 'running', paused: 'paused', ended: 'aborted' }[model.status]
    expect([status, state]).toEqual([expected, model.state])
  }
  await runtime.abort(runId)
  expect([clock.pendingTimers, ...TYPES.map((type) => bus.hasSubscribers(type))]).toEqual([
    0,
    false,
    false,
    false,
  ])
  expect(opened.faults).toEqual([])
}

describe('a run that waits', () => {
  const open: Opened[] = []
  afterAll(() => Promise.all(open.map(({ runtime }) => runtime.stop())))

  it.each([
    [0, 'no stage watch', 2000, undefined],
    [1, 'no stage watch', 3000, undefined],
    [2, 'no stage watch', 4000, undefined],
    [1000, 'no stage watch', 6000, undefined],
    [2, 'a stage watch', 2000, stageWatch],
    [1000, 'a stage watch', 3000, stageWatch],
  ])(
    'with a buffer of %s and %s does in %s random sequences what the reference says',
    { timeout: 120_000 },
    async (bufferLimit, _what, numRuns, watch) => {
      const opened = await openWorkflow(bufferLimit, watch)
      open.push(opened)
      await fc.assert(
        fc
          .asyncProperty(commands, (sequence) =>
            play(opened, new ReferenceWindow(bufferLimit, watch), sequence),
          )
          .afterEach(async () => {
            // After a failure the run is still there; the next sequence begins with none.
            for (const { runId, status } of opened.runtime.listAllRuns()) {
              if (status === 'running' || status === 'paused') await opened.runtime.abort(runId)
            }
            opened.faults.length = 0
          }),
        { numRuns },
      )
    },
  )
})
