import { describe, expect, expectTypeOf, it } from 'vitest'
import { type PauseOptions, type ResumeCause, definePipeline, pause } from 'busline'

const watch = { event: 'a' } as const

describe('pause()', () => {
  it('fits a router of any pipeline, whatever its options', () => {
    const pipeline = definePipeline({
      id: 'p',
      initialState: { n: 0 },
      stages: [
        { id: 'nothing', router: () => pause() },
        { id: 'time', router: ({ state }) => pause({ timeout: state.n }) },
        { id: 'until', router: () => pause({ until: watch, timeout: '1h', into: 'answer' }) },
        { id: 'where', router: () => pause({ timeout: '1h', resumeAt: 'nothing' }) },
      ],
    })
    expect(pipeline.stages).toHaveLength(4)
  })

  it('resumes only at a stage that there is', () => {
    definePipeline({
      id: 'p',
      initialState: {},
      // @ts-expect-error there is no stage "elsewhere"
      stages: [{ id: 'ask', router: () => pause({ timeout: '1h', resumeAt: 'elsewhere' }) }],
    })
  })

  it('keeps the stage it names in its type', () => {
    expectTypeOf(pause({ resumeAt: 'there' }).resumeAt).toEqualTypeOf<'there' | undefined>()
    expectTypeOf(pause({ timeout: 1 }).resumeAt).toEqualTypeOf<undefined>()
    const options: PauseOptions<'there'> = {}
    expectTypeOf(pause(options).resumeAt).toEqualTypeOf<'there' | undefined>()
  })
})

describe('ctx.resume', () => {
  it('has an event only where its kind says so', () => {
    const seen = (resume: ResumeCause | undefined) => {
      // @ts-expect-error a timeout and a person bring no event
      const unchecked: unknown = resume?.event
      return resume?.kind === 'event' ? resume.event.id : unchecked
    }
    expect(seen({ kind: 'timeout' })).toBeUndefined()
  })
})
