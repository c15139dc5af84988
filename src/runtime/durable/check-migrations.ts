import { SystemError } from '../../core/system-error.js'
import { PipelineRun } from '../../pipeline/pipeline-run.js'
import type { RunHost } from '../../pipeline/run-host.js'
import type { StorageDriver } from '../../storage/storage-driver.js'
import { compileTriggers } from '../compiled-trigger.js'
import { migrateCheckpoint, triggerOf } from '../fit-checkpoint.js'
import { noWorkflow, toRunError } from '../refusal.js'
import { assertValidWorkflow } from '../validate-workflow.js'
import type { AnyWorkflow, RunCheckpoint } from '../workflow-definition.js'
import { recordKeys } from './record-keys.js'
import { type RunRecord, assertKnownLayout } from './run-record.js'

export interface MigrationCheckOptions {
  /** Workflows as they are to be: each stands in for the registered one of its id. @default those that are registered */
  readonly workflows?: readonly AnyWorkflow[]
  /** How many runs to check, at least 1. @default 1000 */
  readonly limit?: number
  /** Where the report before ended. @default the first run */
  readonly cursor?: string
}

/** A run that cannot go on, and why. */
export interface StuckRun {
  readonly runId: string
  readonly workflowId: string
  /** The version under which it was stored; absent where it had none. */
  readonly from?: string
  /** The version of the workflow now; absent where it has none, or there is none. */
  readonly to?: string
  readonly error: SystemError
}

export interface MigrationReport {
  /** How many runs were looked at. */
  readonly checked: number
  readonly stuck: readonly StuckRun[]
  /** For the next page; absent when there is none. */
  readonly cursor?: string
}

/** The key of a run, up to which a report came. */
const PLACE = /^run\/[^/]+\/[^/]+$/

/**
 * Brings every run that has not ended to the present version of its workflow, up to the point where it would go on, and
 * keeps nothing of it.
 *
 * @throws {SystemError} `VALIDATION` when a workflow is malformed or the `cursor` is that of no report, or what the store throws.
 */
export async function checkMigrations(
  driver: StorageDriver,
  registered: readonly AnyWorkflow[],
  { workflows = [], limit = 1000, cursor }: MigrationCheckOptions,
): Promise<MigrationReport> {
  // From anything else it would go on somewhere, or nowhere, and who asks would take that for the rest.
  if (cursor !== undefined && !(typeof cursor === 'string' && PLACE.test(cursor))) {
    throw new SystemError(
      'VALIDATION',
      'Cannot check migrations: "cursor" must be that of the report before; leave it out for the first runs',
    )
  }
  for (const workflow of workflows) assertValidWorkflow(workflow, {})
  const targets = new Map([...registered, ...workflows].map((each) => [each.id, toTarget(each)]))
  const stuck: StuckRun[] = []
  const look = (key: string, check: () => RunRecord) => {
    const [, workflowId = '', runId = ''] = key.split('/')
    const target = targets.get(workflowId)
    let from: string | undefined
    try {
      const { checkpoint, savedAt } = check()
      from = checkpoint.version
      if (!target) throw noWorkflow(workflowId)
      target.restore(checkpoint, savedAt)
    } catch (error) {
      const to = target?.version
      stuck.push({
        runId,
        workflowId,
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
        error: toRunError(error, runId),
      })
    }
  }
  let damaged = 0
  const page = await driver.scan({
    prefix: recordKeys.allRuns,
    limit,
    ...(cursor === undefined ? {} : { after: cursor }),
    onDamaged: (error) => {
      damaged++
      look(String(error.context['key']), () => {
        throw error
      })
    },
  })
  for (const { key, value } of page) {
    look(key, () => {
      assertKnownLayout(value as RunRecord, key)
      return value as RunRecord
    })
  }
  const next = page.length < limit ? undefined : page.at(-1)!.key
  return { checked: page.length + damaged, stuck, ...(next === undefined ? {} : { cursor: next }) }
}

function toTarget(workflow: AnyWorkflow) {
  const triggers = compileTriggers(workflow)
  return {
    version: workflow.version,
    restore(stored: RunCheckpoint, savedAt: number): void {
      const checkpoint = migrateCheckpoint(workflow, stored)
      const { pipeline } = triggerOf(workflow.id, triggers, checkpoint)
      PipelineRun.restore(pipeline, idleHost(checkpoint), checkpoint.root, undefined, savedAt)
    },
  }
}

/** The surroundings of a run of which nothing happens: no timer is set, nothing is kept. */
function idleHost({ runId, workflowId, event }: RunCheckpoint): RunHost {
  const never = (): never => {
    throw new Error('Nothing of a run happens while it is checked')
  }
  const silent = () => {}
  return {
    runId,
    workflowId,
    event,
    clock: { now: Date.now, setTimeout: silent, clearTimeout: silent },
    random: () => 0,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    use: never,
    createEvent: never,
    commit: never,
  }
}
