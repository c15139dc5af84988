import type { DispatchQuery, ReceiptLog } from './receipts.js'
import type { Registration } from './registration.js'
import type { DispatchReport, RegistrationInfo } from './runtime-options.js'

/** What became of events, and what is going on now. */
export function reportDispatches(
  all: Iterable<Registration>,
  receipts: ReceiptLog,
  query: DispatchQuery,
): DispatchReport {
  const { workflowId, key } = query
  const registrations = [...all].filter(({ id }) => workflowId === undefined || id === workflowId)
  const active = registrations.flatMap(({ id, admission }) =>
    admission
      .occupancy()
      .filter((each) => key === undefined || each.key === key)
      .map((each) => ({ workflowId: id, ...each })),
  )
  // What debounce and throttle hold back is not counted per key.
  const held = registrations.reduce((sum, { admission }) => sum + admission.delayed, 0)
  const queued = active.reduce((sum, each) => sum + each.queued, key === undefined ? held : 0)
  return { ...receipts.dispatches(query), active, queued }
}

/** What a workflow is registered with, and how busy it is. */
export function describeRegistration({
  workflow,
  triggers,
  hooks,
  admission,
}: Registration): RegistrationInfo {
  const { id, version, label } = workflow
  return {
    workflowId: id,
    ...(version === undefined ? {} : { version }),
    ...(label === undefined ? {} : { label }),
    triggers: [...triggers.values()].map((trigger) => ({
      id: trigger.id,
      event: trigger.eventType,
      pipeline: trigger.pipeline.id,
    })),
    mode: hooks.mode?.type ?? 'transient',
    active: admission.active.length,
    queued: admission.queued + admission.delayed,
  }
}
