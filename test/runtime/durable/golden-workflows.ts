import { type AnyPipeline, type BusEvent, type StepContext, type WorkflowDefinition, pause } from 'busline'

/**
 * The workflows of which `test/runtime/fixtures/checkpoints/` holds runs, one file per release of Busline: a store must be readable by
 * every later one. They never change.
 */
const step = (id: string) => ({ id, steps: { do: () => ({ [id]: true }) } })

const waiting: AnyPipeline = {
  id: 'waiting',
  initialState: (event: BusEvent) => ({ ...(event.payload as object) }),
  stages: [
    step('asked'),
    {
      id: 'answer',
      watch: { event: 'answered', conditions: [{ field: 'order', op: '==', valueFrom: 'order' }] },
      router: () => pause({ timeout: '1d', onRestore: 'remaining', into: 'answer' }),
    },
    step('done'),
  ],
}

const child: AnyPipeline = {
  id: 'leg',
  stages: [
    { id: 'go', steps: { do: () => ({ went: true }) }, router: () => pause({ timeout: '1d' }) },
    step('there'),
  ],
}

const forked: AnyPipeline = {
  id: 'forked',
  stages: [{ id: 'legs', forEach: () => ['a', 'b'], pipelines: [child] }, step('done')],
}

const cutOff: AnyPipeline = {
  id: 'cut-off',
  stages: [step('first'), { id: 'second', steps: { do: slowAtFirst } }],
}

const saga: AnyPipeline = {
  id: 'saga',
  compensate: true,
  stages: [
    {
      id: 'book',
      steps: { do: { action: () => ({ booked: true }), compensate: () => ({ booked: false }) } },
    },
    { id: 'wait', router: () => pause({ timeout: '1d' }) },
    {
      id: 'pay',
      steps: {
        do: () => {
          throw new Error('Refused by the bank')
        },
      },
    },
  ],
}

/** Never ends in the process in which the fixtures are made. */
function slowAtFirst({ event, attempt }: StepContext): object | Promise<object> {
  const { isFirst } = event.payload as { isFirst?: boolean }
  return isFirst && attempt === 1 ? new Promise<object>(() => {}) : { second: attempt }
}

export const goldenWorkflows: readonly WorkflowDefinition[] = [waiting, forked, cutOff, saga].map(
  (pipeline) => ({
    id: pipeline.id,
    version: '1',
    triggers: { on: { event: pipeline.id } },
    pipelines: { main: pipeline },
  }),
)
