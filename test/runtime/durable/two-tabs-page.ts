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
      /** @param heldAt The stage that this tab does not end before `release()`. */
      open(name: string, claimTtl: number, heldAt: number): Promise<void>
      release(): void
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
let release = () => {}
const released = new Promise<void>((resolve) => {
  release = resolve
})

const stage = (name: string, index: number, isHeld: boolean) => ({
  id: `stage-${index}`,
  steps: {
    work: async ({ state }: StepContext) => {
      if (isHeld) await released
      effects.push(`stage-${index}`)
      return { done: [...((state['done'] as string[] | undefined) ?? []), `stage-${index} ${name}`] }
    },
  },
})

/** One tab of several on one database. */
window.tab = {
  async open(name, claimTtl, heldAt) {
    const bus = createEventBus()
    bus.subscribe('bus:error', ({ payload }) => void faults.push(payload.error.code ?? ''))
    const storage = indexedDbStorage({ name: 'tabs' })
    runtime = new WorkflowRuntime({ bus, storage, claimTtl, logger: quietLogger })
    const stages = Array.from({ length: 12 }, (_, index) => stage(name, index, index === heldAt))
    await runtime.register(
      { id: 'orders', triggers: { on: { event: 'order' } }, pipelines: { main: { id: 'main', stages } } },
      {
        onComplete: (result) => {
          if (result.ok) ended.push(result.value.state['done'] as string[])
        },
      },
    )
  },
  release: () => release(),
  submit: (id) => runtime!.submit('order', {}, { id }),
  look: () => runtime!.recover(),
  report: () => ({ effects, faults, ended }),
}
