import { describe, expectTypeOf, it } from 'vitest'
import {
  type BusEvent,
  type EventBus,
  type PipelineDefinition,
  WorkflowRuntime,
  advance,
  createEventBus,
  definePipeline,
  defineWorkflow,
  jump,
  jumpTo,
  pause,
} from 'busline'

interface Shop {
  'order:placed': { orderId: string; total: number }
}

describe('types of definePipeline', () => {
  it('infer the state, and know the stages a router may name', () => {
    definePipeline({
      id: 'p',
      initialState: { count: 0 },
      stages: [
        {
          id: 'first',
          steps: {
            add: ({ state }) => {
              expectTypeOf(state.count).toEqualTypeOf<number>()
              return { count: state.count + 1 }
            },
            recipe: () => (draft) => void draft.count++,
          },
          router: ({ state }) => (state.count > 3 ? 'last' : jump('first')),
        },
        { id: 'last', router: () => pause({ timeout: '1h', resumeAt: 'first' }) },
      ],
    })
  })

  it('refuse an unknown stage, a patch of another shape and a misspelt option', () => {
    const stages = [{ id: 'a' }, { id: 'b' }] as const
    definePipeline({
      id: 'p',
      stages: [
        // @ts-expect-error: there is no stage "c"
        { id: 'a', router: () => jump('c') },
        { id: 'b', router: () => advance() },
      ],
    })
    definePipeline({
      id: 'p',
      stages: [
        // @ts-expect-error: there is no stage "c"
        { id: 'a', router: () => 'c' },
        // @ts-expect-error: there is no stage "c"
        { id: 'b', router: () => jumpTo({ stage: 'c' }) },
        // @ts-expect-error: there is no stage "c"
        { id: 'd', router: () => pause({ timeout: 1, resumeAt: 'c' }) },
      ],
    })
    definePipeline({
      id: 'p',
      initialState: { count: 0 },
      // @ts-expect-error: count is a number
      stages: [{ id: 'a', steps: { s: () => ({ count: 'one' }) } }],
    })
    // @ts-expect-error: a misspelt option
    definePipeline({ id: 'p', stages: [{ id: 'a', ruoter: () => advance() }] })
    void stages
  })

  it('know the event when they are told', () => {
    definePipeline<BusEvent<'order:placed', Shop['order:placed']>, Shop>()({
      id: 'p',
      initialState: (event) => ({ total: event.payload.total }),
      stages: [
        {
          id: 'a',
          steps: {
            s: ({ event, publish, state }) => {
              expectTypeOf(event.payload.orderId).toEqualTypeOf<string>()
              expectTypeOf(state.total).toEqualTypeOf<number>()
              publish('order:placed', { orderId: 'x', total: 1 })
              // @ts-expect-error: a misspelt event
              publish('order:plced', { orderId: 'x', total: 1 })
            },
          },
        },
      ],
    })
  })
})

describe('types of defineWorkflow and register', () => {
  const pipelines = { main: { id: 'p', stages: [{ id: 'a' }] } }

  it('refuse a misspelt event and read the payload in when and key', () => {
    defineWorkflow<Shop>()({
      id: 'w',
      triggers: {
        placed: {
          event: 'order:placed',
          when: ({ payload }) => payload.total > 1,
          key: (e) => e.payload.orderId,
        },
        failed: { event: 'run:failed', when: ({ payload }) => payload.workflowId === 'w' },
      },
      pipelines,
    })
    defineWorkflow<Shop>()({
      id: 'w',
      // @ts-expect-error: a misspelt event
      triggers: { placed: { event: 'order:plced' } },
      pipelines,
    })
    defineWorkflow<Shop>()({
      id: 'w',
      // @ts-expect-error: no such field in the payload
      triggers: { placed: { event: 'order:placed', when: ({ payload }) => payload.totl > 1 } },
      pipelines,
    })
  })

  it('let a runtime take only workflows of its own events', async () => {
    const runtime = new WorkflowRuntime({ bus: createEventBus<Shop>() })
    expectTypeOf(runtime).toEqualTypeOf<WorkflowRuntime<Shop>>()
    const typed = defineWorkflow<Shop>()({ id: 'w', triggers: { t: { event: 'order:placed' } }, pipelines })
    const calls = [
      runtime.register(typed),
      // @ts-expect-error: no event of this bus
      runtime.register({ id: 'x', triggers: { t: { event: 'other' } }, pipelines }),
      // @ts-expect-error: a payload of another shape
      runtime.submit('order:placed', { orderId: 1 }),
    ]
    await Promise.allSettled(calls)
    await runtime.stop()
  })

  it('let a typed bus be any bus', () => {
    expectTypeOf<EventBus<Shop>>().toExtend<Pick<EventBus, 'close'>>()
    expectTypeOf<PipelineDefinition<{ n: number }>>().toHaveProperty('stages')
  })
})
