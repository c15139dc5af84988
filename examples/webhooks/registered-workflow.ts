import type { RegistrationOptions, WorkflowDefinition } from 'busline'
import type { WebhookEvents } from './webhook-events.js'

/** A workflow of the example with what it is registered with. */
export interface RegisteredWorkflow {
  readonly workflow: WorkflowDefinition<WebhookEvents>
  readonly options: RegistrationOptions
  /** What it is there for, in a few words. */
  readonly does: string
}
