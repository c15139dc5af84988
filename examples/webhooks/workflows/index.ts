import type { RegisteredWorkflow } from '../registered-workflow.js'
import { comments } from './comments.js'
import { deployment } from './deployment.js'
import { preview } from './preview.js'
import { releaseTrain } from './release-train.js'
import { searchIndex } from './search-index.js'
import { securityScan } from './security-scan.js'
import { statistics } from './statistics.js'
import { triage } from './triage.js'

/**
 * The workflows of the example, in the order of the report.
 *
 * @param types Every type of event that will be published.
 */
export function allWorkflows(types: readonly string[]): readonly RegisteredWorkflow[] {
  return [triage, releaseTrain, statistics(types), deployment, preview, searchIndex, securityScan, comments]
}
