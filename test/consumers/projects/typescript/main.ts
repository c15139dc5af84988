import { WorkflowRuntime, createEventBus, isSystemError, workflow } from 'busline'
import { indexedDbStorage } from 'busline/storage/indexeddb'
import { sqliteStorage } from 'busline/storage/sqlite'
import { sequentialIds, simulatedClock } from 'busline/testing'
import { openTelemetrySink } from 'busline/timeline'

interface Shop {
  'order:placed': { orderId: string; total: number }
}

const clock = simulatedClock()
const bus = createEventBus<Shop>({ clock })
const runtime = new WorkflowRuntime<Shop>({ bus, clock, ids: sequentialIds() })
const order = workflow<Shop>()('order', { on: 'order:placed', key: ({ payload }) => payload.orderId })
  .step('tax', ({ state }) => ({ tax: state.total * 0.2 }))
  .step('tell', ({ state }) => {
    const sum: number = state.total + state.tax
    console.log(`tax ${state.tax}, sum ${sum}`)
  })
  .build()
await runtime.register(order, { mode: { type: 'serialized' } })
const result = await runtime.invoke('order', 'order:placed', { orderId: 'o-1', total: 50 })
if (!result.ok) throw result.error
console.log(result.value.status)
await runtime.stop()

// @ts-expect-error An event that the bus does not know.
bus.publish('order:lost', {})
// @ts-expect-error A payload of another type.
bus.publish('order:placed', { orderId: 1 })
console.log(
  isSystemError(new Error('no')),
  typeof indexedDbStorage,
  typeof sqliteStorage,
  typeof openTelemetrySink,
)
