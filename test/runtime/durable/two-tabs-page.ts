import { type StepContext, WorkflowRuntime, createEventBus } from 'busline'
import { indexedDbStorage } from '../../../src/storage/indexeddb/index.js'
import { quietLogger } from '../open-runtime.js'

export interface TabReport {
  /** Effects that were done in this tab, as `run stage`. */
  readonly effects: readonly string[]
  readonly faults: readonly string[]
  /** Runs that have ended here, with the tabs that did their stages. */
  readonly ended: readonly (readonly string[])[]
}

declare global {
  interface Window {
    tab: {
      open(name: string, claimTtl: number): Promise<void>
      submit(id: string): Promise<unknown>
      /** Looks for what others have left. */
      look(): Promise<unknown>
      report(): TabReport
    }
  }
}

const effects: string[] = []
const faults: string[] = []
const ended: (readonly string[])[] = []
let runtime: WorkflowRuntime | undefined

const stage = (name: string, index: number) => ({
  id: `stage-${index}`,
  steps: {
    work: async ({ state }: StepContext) => {
      await new Promise((resolve) => setTimeout(resolve, 250))
      effects.push(`stage-${index}`)
      return { done: [...((state['done'] as string[] | undefined) ?? []), `stage-${index} ${name}`] }
    },
  },
})

/** One tab of several on one database. */
window.tab = {
  async open(name, claimTtl) {
    const bus = createEventBus()
    bus.subscribe('bus:error', ({ payload }) => void faults.push(payload.error.code ?? ''))
    const storage = indexedDbStorage({ name: 'tabs' })
    runtime = new WorkflowRuntime({ bus, storage, claimTtl, logger: quietLogger })
    const stages = Array.from({ length: 12 }, (_, index) => stage(name, index))
    await runtime.register(
      { id: 'orders', triggers: { on: { event: 'order' } }, pipelines: { main: { id: 'main', stages } } },
      {
        onComplete: (result) => {
          if (result.ok) ended.push(result.value.state['done'] as string[])
        },
      },
    )
  },
  submit: (id) => runtime!.submit('order', {}, { id }),
  look: () => runtime!.recover(),
  report: () => ({ effects, faults, ended }),
}
