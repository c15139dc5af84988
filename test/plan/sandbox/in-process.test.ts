import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import run, { type JobEngine } from 'busline/plan'
import { openJobEngine } from 'busline/plan/sandbox'
import { runJob } from './run-job.js'

describe('an engine where the platform has no workers', () => {
  let engine: JobEngine

  beforeAll(async () => {
    // Neither the threads of Node nor, since Node has none, the workers of a browser.
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined)
    engine = await openJobEngine()
    vi.restoreAllMocks()
  })
  afterAll(() => engine.close())
  afterEach(() => vi.restoreAllMocks())

  /** On a busy machine it takes longer than a job may hold up the event loop until this one has done anything at all. */
  const stopTime = () => vi.spyOn(performance, 'now').mockReturnValue(performance.now())

  it('runs the text of jobs and of conditions', async () => {
    stopTime()
    const plan = {
      workflow: {
        steps: [
          {
            id: 'a',
            expression: 'export default [async () => ({ n: 1 })]',
            next: { b: { condition: 'state.n === 1' } },
          },
          { id: 'b', expression: 'export default [(s) => ({ n: s.n + 1 })]' },
        ],
      },
    }
    expect(await run(plan, {}, { engine })).toEqual({ n: 2 })
  })

  it('waits for what is asynchronous, timers and functions of modules', async () => {
    stopTime()
    const source = `import { twice } from 'math'
      export default [async () => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        return { n: await twice(21) }
      }]`
    const math = { exports: { twice: (n: number) => n * 2 } }
    const outcome = await runJob(engine, source, {}, {}, { linker: { modules: { math } } })
    expect(outcome).toEqual({ ok: true, state: { n: 42 } })
  })

  it('ends a job that holds up the event loop, and goes on with the next', async () => {
    const outcome = await runJob(engine, 'export default [() => { for (;;); }]')
    expect(outcome).toMatchObject({
      ok: false,
      fault: { kind: 'timeout', message: 'Job computed for longer than 50ms' },
    })
    stopTime()
    expect(await runJob(engine, 'export default [() => ({ ok: 1 })]')).toEqual({ ok: true, state: { ok: 1 } })
  })

  it('says in the error of the plan how long a job may compute', async () => {
    const plan = { workflow: { steps: [{ id: 'a', expression: 'export default [() => { for (;;); }]' }] } }
    await expect(run(plan, {}, { engine })).rejects.toMatchObject({
      name: 'TimeoutError',
      message: 'Job computed for longer than 50ms',
    })
  })

  it('ends a job whose run has ended', async () => {
    stopTime()
    const abort = new AbortController()
    const running = runJob(
      engine,
      'export default [() => new Promise((r) => setTimeout(r, 1e6))]',
      {},
      { signal: abort.signal },
    )
    setTimeout(() => abort.abort(), 5)
    expect(await running).toMatchObject({ ok: false, fault: { kind: 'aborted' } })
  })

  it('sees nothing of its host', async () => {
    stopTime()
    const source = 'export default [() => ({ seen: [typeof process, typeof fetch, typeof Worker] })]'
    expect(await runJob(engine, source)).toMatchObject({
      state: { seen: ['undefined', 'undefined', 'undefined'] },
    })
  })

  it('is not there any more when it was closed', async () => {
    stopTime()
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined)
    const other = await openJobEngine()
    const running = runJob(other, 'export default [() => new Promise((r) => setTimeout(r, 1e6))]')
    setTimeout(() => void other.close(), 20)
    await expect(running).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})
