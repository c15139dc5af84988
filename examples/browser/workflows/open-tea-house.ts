import type { WorkflowRuntime } from 'busline'
import { orderWorkflow } from './order.js'
import { parcelWorkflow } from './parcel.js'
import { stockWorkflow } from './stock.js'
import type { TeaHouseEvents } from './tea-house-events.js'
import type { WorkingDay } from './working-day.js'

/** Takes up the work: orders of one guest come one after the other, with at most three that wait. */
export async function openTeaHouse(runtime: WorkflowRuntime<TeaHouseEvents>, day: WorkingDay): Promise<void> {
  await runtime.register(orderWorkflow(day), { mode: { type: 'serialized', capacity: 3 } })
  await runtime.register(parcelWorkflow(day))
  await runtime.register(stockWorkflow(day))
}
