import { WorkflowRuntime, createEventBus, isSystemError } from 'busline'
import { indexedDbStorage } from '../../../src/storage/indexeddb/index.js'
import { quietLogger } from '../open-runtime.js'
import { growingOrders, type Report } from './disk-workflow.js'

declare global {
  interface Window {
    disk: {
      start(): Promise<void>
      publish(type: string, payload: object): void
      status(): Promise<Report>
      fill(): Promise<void>
      ended(): Promise<readonly string[]>
    }
  }
}

/** Runs that grow, in a page whose quota is set from outside; what cannot be compressed, as browsers compress. */
const bus = createEventBus()
const storage = indexedDbStorage({ name: 'disk' })
const runtime = new WorkflowRuntime({ bus, storage, logger: quietLogger })
const faults: Report['faults'][number][] = []
bus.subscribe('bus:error', ({ payload: { what = '', error } }) => {
  faults.push({ what, code: error.code ?? '', reason: String(error.context?.['reason']) })
})

/** `length` characters that nothing makes shorter. */
function noise(length: number): string {
  let text = ''
  while (text.length < length) {
    text += btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(30_000))))
  }
  return text.slice(0, length)
}

window.disk = {
  start: () => runtime.register(growingOrders(noise)).then(() => undefined),
  publish: (type, payload) => void bus.publish(type, payload),
  status: () =>
    Promise.resolve({
      faults: faults.slice(),
      runs: runtime.listAllRuns().map(({ runId, status, state }) => ({
        runId,
        status,
        bytes: JSON.stringify(state).length,
      })),
    }),
  async fill() {
    // A browser notices a change of the quota after some seconds.
    let files = 0
    for (let size = 50_000; size >= 1000;) {
      try {
        await storage.commit([{ type: 'put', key: `ballast/${++files}`, value: noise(size) }])
        await new Promise((resolve) => setTimeout(resolve, 50))
      } catch (error) {
        if (!isSystemError(error) || error.context.reason !== 'full') throw error
        size >>= 1
      }
    }
  },
  ended: async () => (await storage.scan({ prefix: 'ended/' })).map(({ key }) => key),
}
