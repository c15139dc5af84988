import { type AnyPipeline, type RouterContext, type StepContext, advance, pause } from 'busline'

/** What the run of an event does; an event carries it as its payload. */
export interface Plan {
  readonly work: 'nothing' | 'wait' | 'fail' | 'hang' | 'ignore' | 'publish'
  readonly route: 'advance' | 'pause' | 'await'
  readonly last: Plan['work']
}

export interface PlannedPipelineOptions {
  readonly compensate: boolean
  readonly act: (what: Plan['work'], context: StepContext, which: 'work' | 'last') => unknown
  readonly undo: (context: StepContext) => unknown
}

/** Two stages that do what the event of their run says, with a pause in between where it says so. */
export function plannedPipeline({ compensate, act, undo }: PlannedPipelineOptions): AnyPipeline {
  const of = ({ event }: Pick<StepContext, 'event'>) => event.payload as Plan
  const step = (which: 'work' | 'last') => ({
    action: (context: StepContext) => act(of(context)[which], context, which),
    compensate: undo,
    retry: { limit: 1, backoff: 'fixed' as const, delay: 2 },
    timeout: 30,
  })
  const router = (context: RouterContext) => {
    const { route } = of(context)
    if (route === 'advance') return advance()
    return pause(route === 'pause' ? {} : { until: { event: 'poke' }, timeout: 10 })
  }
  return {
    id: 'main',
    compensate,
    stages: [
      { id: 'work', steps: { work: step('work') }, router },
      { id: 'last', steps: { last: step('last') } },
    ],
  }
}
