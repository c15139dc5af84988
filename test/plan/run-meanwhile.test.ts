import { expect, it, vi } from 'vitest'
import { simulatedClock } from 'busline/testing'
import { type JobEngine, type LoadedCondition, type Plan, compilePlan, run } from 'busline/plan'

const PLAN: Plan = {
  workflow: {
    steps: [
      { id: 'a', expression: [(state: unknown) => state], next: { b: { condition: 'true' } } },
      { id: 'b', expression: [() => ({ data: { isDone: true } })] },
    ],
  },
}

/** An engine of which nothing but conditions is asked. */
function fakeEngine(compile?: () => void) {
  const open = new Set<LoadedCondition>()
  const engine: JobEngine = {
    load: () => Promise.reject(new Error('There is no text of jobs')),
    compileCondition: async () => {
      await Promise.resolve()
      compile?.()
      const loaded: LoadedCondition = {
        evaluate: () => Promise.resolve({ ok: true, holds: true }),
        dispose: () => void open.delete(loaded),
      }
      open.add(loaded)
      return { ok: true, loaded }
    },
    close: () => Promise.resolve(),
  }
  return { engine, open }
}

it('a signal that fires while the state is loaded ends the run at once, and no job begins', async () => {
  const controller = new AbortController()
  const job = vi.fn(() => ({ data: {} }))
  const done = run([job], 'an id', {
    signal: controller.signal,
    callbacks: { resolveState: () => new Promise(() => {}) },
  })
  await Promise.resolve()
  controller.abort('enough')
  await expect(done).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' })
  const soon = new AbortController()
  const resolveState = () => {
    soon.abort('enough')
    return {}
  }
  const aborted = run([job], 'an id', { signal: soon.signal, callbacks: { resolveState } })
  await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' })
  expect(job).not.toHaveBeenCalled()
})

it('dispose() while the plan runs costs the run nothing: what it needs is compiled again', async () => {
  const { engine, open } = fakeEngine()
  const plan = compilePlan(PLAN, { engine, callbacks: { notify: () => plan.dispose() } })
  expect(await plan.run()).toMatchObject({ data: { isDone: true } })
  await plan.dispose()
  expect(open.size).toBe(0)
})

it('dispose() while conditions are compiled leaves none of them behind', async () => {
  const { engine, open } = fakeEngine()
  const plan = compilePlan(PLAN, { engine })
  const prepared = plan.prepare()
  await plan.dispose()
  await prepared
  await plan.run()
  await plan.dispose()
  expect(open.size).toBe(0)
})

it('an engine that could not work once is asked again by the next run', async () => {
  let calls = 0
  const { engine } = fakeEngine(() => {
    if (++calls === 1) throw new Error('Not yet')
  })
  const plan = compilePlan(PLAN, { engine })
  await expect(plan.run()).rejects.toThrow('Not yet')
  expect(await plan.run()).toMatchObject({ data: { isDone: true } })
  await plan.dispose()
})

it('an engine that could not load a job once is asked again by the next run', async () => {
  let calls = 0
  const { engine } = fakeEngine()
  const plan = compilePlan('export default [(state) => state]', {
    engine: {
      ...engine,
      load: () =>
        ++calls === 1
          ? Promise.reject(new Error('Not yet'))
          : Promise.resolve({
              ok: true,
              loaded: { run: () => Promise.resolve({ ok: true, state: { data: 1 } }), dispose: () => {} },
            }),
    },
  })
  await expect(plan.run()).rejects.toThrow('Not yet')
  expect(await plan.run()).toEqual({ data: 1 })
  await plan.dispose()
})

it('a job whose run was aborted, or whose time is up, begins no further operation', async () => {
  const clock = simulatedClock()
  const later = (ms: number) => new Promise<void>((resolve) => void clock.setTimeout(resolve, ms))
  const next = vi.fn((state: unknown) => state)
  const slow = async (state: unknown) => {
    await later(10)
    return state
  }
  const controller = new AbortController()
  const job = { workflow: { steps: [{ id: 'a', expression: [slow, next] }] } }
  const aborted = run(job, {}, { clock, signal: controller.signal })
  const late = run({ ...job, options: { timeout: 5 } }, {}, { clock })
  const refusals = [
    expect(aborted).rejects.toMatchObject({ code: 'ABORTED' }),
    expect(late).rejects.toMatchObject({ name: 'TimeoutError' }),
  ]
  await clock.advance(2)
  controller.abort('enough')
  await clock.advance(20)
  await Promise.all(refusals)
  expect(next).not.toHaveBeenCalled()
})
