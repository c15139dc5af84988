import type { Clock } from '../../core/clock.js'
import type { PatientCommitOptions } from './patient-commit.js'
import type { StoreRegistry } from './store-registry.js'
import type { UnsettledEnds } from './unsettled-ends.js'

/** The store as the runs and events of one registration use it: made once, as each run has a journal over it. */
export interface WorkflowStore extends PatientCommitOptions {
  readonly clock: Clock
  readonly registry: StoreRegistry
  readonly workflowId: string
  /** The version of the workflow. */
  readonly version: string | undefined
  /** This process, as claims name it. */
  readonly ownerId: string
  readonly unsettled: UnsettledEnds
}
