import { describe, expect, it } from 'vitest'
import { type AnyPipeline, MemoryTimelineStore, type StepContext } from 'busline'
import { openRuntime } from './open-runtime.js'

async function open() {
  const executed: string[] = []
  const step = (name: string, output: object | (() => object)) => ({
    id: name,
    steps: {
      [name]: ({ runId }: StepContext) => {
        executed.push(`${name} ${runId.slice(-2)}`)
        return typeof output === 'function' ? output() : output
      },
    },
  })
  let fails = true
  const pipeline: AnyPipeline = {
    id: 'main',
    initialState: { n: 0 },
    stages: [
      step('one', { n: 1 }),
      step('two', { n: 2 }),
      step('three', () => {
        if (fails) throw new Error('broken release')
        return { n: 3 }
      }),
    ],
  }
  const timelineStore = new MemoryTimelineStore()
  const opened = openRuntime({ timelineStore })
  await opened.runtime.register({ id: 'w', triggers: { t: { event: 'go' } }, pipelines: { main: pipeline } })
  const { runId } = (await opened.runtime.invoke('w', 't', { some: 'payload' })).metadata
  executed.length = 0
  fails = false
  const finished = async (result: Awaited<ReturnType<typeof opened.runtime.fork>>) => {
    await opened.clock.settle()
    return result.ok ? opened.runtime.watch('w', result.value.runId) : result.error.code
  }
  return { ...opened, runId, executed, timelineStore, finished }
}

describe('a fork', () => {
  it('goes on at a stage with the state of that point; what was committed before is not executed again', async () => {
    const { runtime, runId, executed, finished, timelineStore } = await open()
    const info = await finished(await runtime.fork(runId, { stageId: 'three' }))
    expect(info).toMatchObject({
      status: 'succeeded',
      state: { n: 3 },
      event: { payload: { some: 'payload' } },
    })
    expect(executed.map((line) => line.split(' ')[0])).toEqual(['three'])
    expect(info).not.toMatchObject({ runId })
    await runtime.stop()
    const meta = await timelineStore.getRunMeta((info as { runId: string }).runId)
    expect(meta?.metadata).toMatchObject({ parentRunId: runId })
  })

  it('goes on after any event of the timeline', async () => {
    const { runtime, runId, executed, finished, timelineStore } = await open()
    const events = await timelineStore.getEvents(runId)
    for (const { seq, type } of events) {
      executed.length = 0
      const before = events.filter((each) => each.seq <= seq && each.type === 'router:evaluated').length
      expect(await finished(await runtime.fork(runId, { seq })), `${seq} ${type}`).toMatchObject({
        status: 'succeeded',
        state: { n: 3 },
      })
      expect(executed.map((line) => line.split(' ')[0])).toEqual(['one', 'two', 'three'].slice(before))
    }
  })

  it('of a fork begins where that one began, before its first stage has ended', async () => {
    const { runtime, runId, executed, finished } = await open()
    const first = await finished(await runtime.fork(runId, { stageId: 'three' }))
    executed.length = 0
    await finished(await runtime.fork((first as { runId: string }).runId, { seq: 1 }))
    expect(executed.map((line) => line.split(' ')[0])).toEqual(['three'])
  })

  it('takes an edited state', async () => {
    const { runtime, runId, finished } = await open()
    const info = await finished(await runtime.fork(runId, { stageId: 'two', state: { n: 40, edited: true } }))
    expect(info).toMatchObject({ state: { n: 3, edited: true } })
  })

  it.each([
    ['a run that never existed', 'nobody', { seq: 1 }, 'NOT_FOUND'],
    ['a seq out of range', undefined, { seq: 10_000 }, 'NOT_FOUND'],
    ['a malformed seq', undefined, { seq: -1 }, 'VALIDATION'],
    ['a stage that was never entered', undefined, { stageId: 'four' }, 'NOT_FOUND'],
    ['a state that is no plain data', undefined, { seq: 1, state: { f: () => 1 } }, 'VALIDATION'],
    ['a state that is text', undefined, { seq: 1, state: 'text' as never }, 'VALIDATION'],
    ['a state that is null', undefined, { seq: 1, state: null as never }, 'VALIDATION'],
    ['a state that is an array', undefined, { seq: 1, state: [1] as never }, 'VALIDATION'],
    ['a state that is a date', undefined, { seq: 1, state: new Date(0) as never }, 'VALIDATION'],
  ])('of %s is a Result that says so', async (_what, run, options, code) => {
    const { runtime, runId, finished } = await open()
    expect(await finished(await runtime.fork(run ?? runId, options))).toBe(code)
  })

  it('needs a timeline, and something left to do', async () => {
    const { runtime, runId, finished, timelineStore } = await open()
    const whole = await finished(await runtime.fork(runId, { stageId: 'three' }))
    const end = await timelineStore.getRunMeta((whole as { runId: string }).runId)
    expect(await finished(await runtime.fork(end!.runId, { seq: end!.eventCount }))).toBe('INVALID_COMMAND')
    const bare = openRuntime()
    expect(await bare.runtime.fork('any', { seq: 1 })).toMatchObject({ error: { code: 'UNAVAILABLE' } })
  })
})
