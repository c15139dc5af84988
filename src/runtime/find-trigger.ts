import { SystemError } from '../core/system-error.js'
import type { CompiledTrigger } from './compiled-trigger.js'
import { noWorkflow } from './refusal.js'
import type { Registration } from './registration.js'

/** @throws {SystemError} `NOT_FOUND` when there is no such workflow, or it has no such trigger. */
export function findTrigger(
  registrations: ReadonlyMap<string, Registration>,
  workflowId: string,
  triggerId: string,
): { readonly registration: Registration; readonly trigger: CompiledTrigger } {
  const registration = registrations.get(workflowId)
  if (!registration) throw noWorkflow(workflowId)
  const trigger = registration.triggers.get(triggerId)
  if (trigger) return { registration, trigger }
  const known = [...registration.triggers.keys()].join(', ')
  const message = `Workflow "${workflowId}" has no trigger "${triggerId}": its triggers are ${known}`
  throw new SystemError('NOT_FOUND', message, { context: { workflowId, triggerId } })
}
