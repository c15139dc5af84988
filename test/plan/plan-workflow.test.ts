import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, expectTypeOf, it, vi } from 'vitest'
import {
  type DispatchResult,
  type ModeOptions,
  type RegistrationOptions,
  type WorkflowDefinition,
  MemoryTimelineStore,
  TimelinePlayer,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
} from 'busline'
import { type Plan, type PlanWorkflowOptions, planResult, planWorkflow, run } from 'busline/plan'
import { sqliteStorage } from '../../src/storage/sqlite/index.js'
import { faultInjecting, sequentialIds, simulatedClock } from '../../src/testing/index.js'
import { openRuntime, quietLogger } from '../runtime/open-runtime.js'

interface Orders {
  'tea:ordered': { tea: string }
}

interface Brew {
  data: { tea: string; log?: string[]; n?: number }
}

const log =
  (line: string) =>
  (state: Brew): Brew => ({ ...state, data: { ...state.data, log: [...(state.data.log ?? []), line] } })

const brew: Plan = {
  id: 'brew',
  workflow: {
    steps: [
      { id: 'boil', expression: [log('boil')], next: { steep: true, warm: true } },
      { id: 'steep', name: 'Let it steep', expression: [log('leaves in'), log('leaves out')], next: 'serve' },
      { id: 'warm', expression: [log('warm')], next: 'serve' },
      { id: 'serve', join: 'all', expression: [log('serve')] },
    ],
  },
}
const served = { data: { tea: 'oolong', log: ['boil', 'warm', 'serve'] } }

const onOrder = { triggers: { order: { event: 'tea:ordered' } } } as const

async function open(plan: Plan, options: Partial<PlanWorkflowOptions> = {}, more: RegistrationOptions = {}) {
  const timelineStore = new MemoryTimelineStore()
  const opened = openRuntime({ timelineStore })
  const receipts: DispatchResult[] = []
  await opened.runtime.register(planWorkflow(plan, { ...onOrder, ...options, clock: opened.clock }), {
    onDispatch: (receipt) => void receipts.push(receipt),
    ...more,
  })
  const results = () => opened.runtime.listAllRuns().map(({ state }) => planResult(state as never))
  return { ...opened, timelineStore, receipts, results }
}

describe('a plan as a workflow', () => {
  it('starts from an event, whose payload is its data', async () => {
    const { bus, clock, runtime, results } = await open(brew)
    bus.publish('tea:ordered', { tea: 'oolong' })
    await clock.settle()
    expect(results()).toEqual([served])
    await runtime.stop()
  })

  it('comes to what run() comes to', async () => {
    expect(await run(brew, { data: { tea: 'oolong' } })).toEqual(served)
  })

  it('begins with what `input` makes of the event', async () => {
    const input = () => ({ data: { tea: 'green' }, configuration: { spoons: 2 } })
    const { runtime } = await open(brew, { input })
    const result = await runtime.invoke('brew', 'order', {})
    expect(result).toMatchObject({
      ok: true,
      value: { state: { result: { value: { data: { tea: 'green' } } } } },
    })
    await runtime.stop()
  })

  const modes: readonly [ModeOptions, number, readonly string[]][] = [
    [{ type: 'transient', concurrency: 2 }, 3, ['started', 'started', 'queued', 'started']],
    [{ type: 'serialized' }, 3, ['started', 'queued', 'queued', 'started', 'started']],
    [{ type: 'singleton_loop', onBusy: 'drop' }, 1, ['started', 'dropped', 'dropped']],
    [
      { type: 'singleton_loop', onBusy: 'replace' },
      2,
      ['started', 'queued', 'queued', 'superseded', 'replaced'],
    ],
    [{ type: 'exclusive', onBusy: 'reject' }, 1, ['started', 'rejected', 'rejected']],
    [
      { type: 'exclusive', onBusy: 'queue_single' },
      2,
      ['started', 'queued', 'superseded', 'queued', 'started'],
    ],
  ]
  it.each(modes)('obeys the mode %j', async (mode, runs, outcomes) => {
    const slow: Plan = {
      id: 'slow',
      workflow: {
        steps: [{ id: 'a', expression: [async (state) => Promise.resolve(state)] }],
      },
    }
    const { bus, clock, runtime, receipts } = await open(slow, {}, { mode })
    for (const tea of ['oolong', 'green', 'black']) bus.publish('tea:ordered', { tea })
    await clock.settle()
    await runtime.stop({ drain: true })
    const finished = receipts.filter(({ outcome }) => outcome === 'started' || outcome === 'replaced')
    expect(finished).toHaveLength(runs)
    expect(receipts.map(({ outcome }) => outcome).sort()).toEqual([...outcomes].sort())
  })

  it('shows each job on the timeline under its own step id, with its operations', async () => {
    const { runtime, timelineStore } = await open(brew)
    const { metadata } = await runtime.invoke('brew', 'order', { tea: 'oolong' })
    await runtime.stop()
    const events = await timelineStore.getEvents(metadata.runId)
    const jobs = events.filter(({ type }) => type === 'step:success')
    expect(jobs.map(({ payload }) => (payload as { stepId: string }).stepId)).toEqual([
      'boil',
      'steep',
      'warm',
      'serve',
    ])
    const progress = events.filter(({ type }) => type === 'step:progress')
    expect(progress.map(({ payload }) => (payload as { fraction: number }).fraction)).toEqual([0.5, 1])
    const player = new TimelinePlayer(timelineStore, metadata.runId)
    await player.seek(events.at(-1)!.seq)
    expect(planResult(player.state as never)).toEqual(served)
  })

  it('shows the jobs of a level, which run at once, under their own step ids too', async () => {
    const { runtime, timelineStore } = await open(brew, { concurrency: 4 })
    const { metadata } = await runtime.invoke('brew', 'order', { tea: 'oolong' })
    await runtime.stop()
    const events = await timelineStore.getEvents(metadata.runId)
    const jobs = events.filter(({ type }) => type === 'step:success')
    expect(jobs.map(({ payload }) => (payload as { path: string }).path)).toEqual([
      'boil/boil',
      'level/0/steep/steep',
      'level/1/warm/warm',
      'serve/serve',
    ])
  })

  const approval: Plan = {
    id: 'approval',
    workflow: {
      steps: [
        { id: 'ask', expression: [log('ask')], next: 'act' },
        {
          id: 'act',
          wait: {
            event: 'tea:approved',
            conditions: [{ field: 'tea', op: '==', valueFrom: 'data.tea' }],
            timeout: '1h',
          },
          expression: [
            (state: Brew & { resume: { kind: string } }) => log(`act on ${state.resume.kind}`)(state),
          ],
        },
      ],
    },
  }

  it.each([1, 4])(
    'waits for the event that a step names, by the state that has arrived (concurrency %i)',
    async (concurrency) => {
      const { bus, clock, runtime, results } = await open(approval, { concurrency })
      bus.publish('tea:ordered', { tea: 'oolong' })
      await clock.settle()
      bus.publish('tea:approved', { tea: 'green' })
      await clock.settle()
      expect(runtime.listAllRuns()).toMatchObject([{ status: 'paused' }])
      bus.publish('tea:approved', { tea: 'oolong' })
      await clock.settle()
      expect(results()).toEqual([{ data: { tea: 'oolong', log: ['ask', 'act on event'] } }])
      await runtime.stop()
    },
  )

  it('goes on when the wait is over', async () => {
    const { bus, clock, runtime, results } = await open(approval)
    bus.publish('tea:ordered', { tea: 'oolong' })
    await clock.advance('1h')
    expect(results()).toEqual([{ data: { tea: 'oolong', log: ['ask', 'act on timeout'] } }])
    await runtime.stop()
  })

  it('is of any events unless it says of which, so that it can be kept and registered later', async () => {
    const workflow = planWorkflow(brew, onOrder)
    expectTypeOf(workflow).toEqualTypeOf<WorkflowDefinition>()
    const { runtime } = openRuntime()
    await runtime.register(workflow)
    expect(runtime.listWorkflows()).toEqual(['brew'])
    await runtime.stop()

    const typed = new WorkflowRuntime({ bus: createEventBus<Orders>() })
    await typed.register(planWorkflow(brew, onOrder))
    expectTypeOf(planWorkflow<Orders>(brew, onOrder)).toEqualTypeOf<WorkflowDefinition<Orders>>()
    // @ts-expect-error There is no such event.
    planWorkflow<Orders>(brew, { triggers: { order: { event: 'tea:orderd' } } })
    await typed.stop()
  })

  it('waits before its first step', async () => {
    const [, act] = approval.workflow.steps!
    const { bus, clock, runtime, results } = await open({ id: 'approval', workflow: { steps: [act!] } })
    bus.publish('tea:ordered', { tea: 'oolong' })
    await clock.settle()
    bus.publish('tea:approved', { tea: 'oolong' })
    await clock.settle()
    expect(results()).toEqual([{ data: { tea: 'oolong', log: ['act on event'] } }])
    await runtime.stop()
  })

  it('is parked for a person when the retries of a job are used up, if it says so', async () => {
    let works = false
    const plan: Plan = {
      id: 'parked',
      workflow: {
        steps: [
          {
            id: 'a',
            retry: { limit: 1, onExhausted: 'pause' },
            expression: [
              (state: Brew) => {
                if (!works) throw new Error('no water')
                return log('works')(state)
              },
            ],
          },
        ],
      },
    }
    const { bus, clock, runtime, results } = await open(plan)
    bus.publish('tea:ordered', { tea: 'oolong' })
    await clock.settle()
    const [parked] = runtime.listAllRuns()
    expect(parked).toMatchObject({ status: 'paused' })
    works = true
    expect(await runtime.resume(parked!.runId)).toMatchObject({ ok: true })
    expect(results()).toEqual([{ data: { tea: 'oolong', log: ['works'] } }])
    await runtime.stop()
  })

  it('can be forked at a step, and runs nothing before it again', async () => {
    const executed: string[] = []
    const note = (name: string) => (state: Brew) => {
      executed.push(name)
      return log(name)(state)
    }
    const plan: Plan = {
      id: 'forked',
      workflow: {
        steps: [
          { id: 'a', expression: [note('a')], next: 'b' },
          { id: 'b', expression: [note('b')] },
        ],
      },
    }
    const { clock, runtime, results } = await open(plan)
    const { metadata } = await runtime.invoke('forked', 'order', { tea: 'oolong' })
    executed.length = 0
    expect(await runtime.fork(metadata.runId, { stageId: 'b' })).toMatchObject({ ok: true })
    await clock.settle()
    expect(executed).toEqual(['b'])
    expect(results()).toEqual(Array(2).fill({ data: { tea: 'oolong', log: ['a', 'b'] } }))
    await runtime.stop()
  })

  it('fails with an error that keeps class, severity and step, also in its record', async () => {
    const plan: Plan = {
      id: 'crash',
      workflow: {
        steps: [
          {
            id: 'a',
            name: 'First',
            expression: [
              () => {
                throw new ReferenceError('tea is not defined')
              },
            ],
          },
        ],
      },
    }
    const { runtime } = await open(plan)
    const result = await runtime.invoke('crash', 'order', {})
    expect(result).toMatchObject({ ok: false, error: { code: 'EXECUTION_FAILED' } })
    if (result.ok) return
    const facts = { name: 'RuntimeCrash', severity: 'crash', subtype: 'ReferenceError', step: 'First' }
    expect(result.error.errors![0]!.context).toMatchObject(facts)
    expect(JSON.parse(JSON.stringify(result.error))).toMatchObject({ errors: [{ context: facts }] })
    await runtime.stop()
  })
})

const folder = mkdtempSync(join(tmpdir(), 'busline-plan-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each([
  ['memory', () => faultInjecting(memoryStorage(), { faults: [], isDurable: true })],
  ['SQLite', () => sqliteStorage({ file: join(folder, 'runs.db') })],
])('a plan on durable storage: %s', (name, openStorage) => {
  it('survives the crash of its process: what has committed is not run again, what hung is', async () => {
    const clock = simulatedClock()
    const ids = sequentialIds()
    const executed: string[] = []
    let hangs = true
    const step = (id: string) => (state: Brew) => {
      executed.push(id)
      return id === 'b' && hangs ? new Promise<never>(() => {}) : log(id)(state)
    }
    const plan: Plan = {
      id: 'durable',
      workflow: {
        steps: [
          { id: 'a', expression: [step('a')], next: { b: true, c: true } },
          { id: 'b', expression: [step('b')], next: 'd' },
          { id: 'c', expression: [step('c')], next: 'd' },
          { id: 'd', join: 'all', expression: [step('d')] },
        ],
      },
    }
    const memory = openStorage()
    const openProcess = async () => {
      const storage = name === 'memory' ? memory : openStorage()
      const bus = createEventBus({ clock, ids, onError: () => {} })
      const runtime = new WorkflowRuntime({ bus, clock, ids, storage, logger: quietLogger })
      const registered = runtime.register(planWorkflow(plan, { ...onOrder, clock }))
      await clock.settle()
      await registered
      return runtime
    }
    const one = await openProcess()
    expect(await one.submit('tea:ordered', { tea: 'oolong' })).toMatchObject({ ok: true })
    await clock.settle()
    await vi.waitFor(() => expect(executed).toEqual(['a', 'b']), 20_000)
    await one.stop()

    hangs = false
    const two = await openProcess()
    const [info] = await vi.waitFor(async () => {
      await clock.advance('1m')
      const runs = two.listAllRuns()
      expect(runs).toMatchObject([{ status: 'succeeded' }])
      return runs
    }, 20_000)
    expect(planResult(info!.state as never)).toEqual({ data: { tea: 'oolong', log: ['a', 'c', 'd'] } })
    expect(executed).toEqual(['a', 'b', 'b', 'c', 'd'])
    await two.stop()
  })
})
