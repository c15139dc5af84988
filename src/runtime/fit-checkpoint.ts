import { isPlainObject } from '../core/plain-data.js'
import { SystemError, describe } from '../core/system-error.js'
import type { PipelineStatus } from '../pipeline/checkpoint.js'
import type { CompiledTrigger } from './compiled-trigger.js'
import type { RunInfo } from './run-result.js'
import type { AnyWorkflow, RunCheckpoint } from './workflow-definition.js'

/**
 * A checkpoint as the present version of its workflow continues it.
 *
 * @throws {SystemError} `VERSION_MISMATCH` when it is of another version and nothing brings it here.
 */
export function migrateCheckpoint(
  { id, version, migrate }: Pick<AnyWorkflow, 'id' | 'version' | 'migrate'>,
  checkpoint: RunCheckpoint,
): RunCheckpoint {
  if (checkpoint.version === version) return checkpoint
  const { runId } = checkpoint
  const refused = (why: string, cause?: unknown) => {
    const [from, to] = [checkpoint.version ?? 'none', version ?? 'none']
    return new SystemError(
      'VERSION_MISMATCH',
      `Run ${runId} is of version ${from} of "${id}", and this is ${to}: ${why}`,
      {
        ...(cause === undefined ? {} : { cause }),
        context: { runId, workflowId: id, from: checkpoint.version, to: version },
      },
    )
  }
  if (!migrate) throw refused('give the workflow a migrate()')
  let migrated: unknown
  try {
    migrated = migrate(structuredClone(checkpoint))
  } catch (error) {
    throw refused(`its migrate() failed: ${describe(error)}`, error)
  }
  if (!isCheckpoint(migrated)) throw refused('its migrate() must return the checkpoint, changed or not')
  return { ...migrated, runId, workflowId: id, version: version! }
}

const STATUSES: ReadonlySet<unknown> = new Set<PipelineStatus>([
  'running',
  'paused',
  'succeeded',
  'failed',
  'aborted',
])

/** Whether a value that came from outside has what every checkpoint has. */
export function isCheckpoint(value: unknown): value is RunCheckpoint {
  if (!isFields(value) || !isFields(value['root']) || !isFields(value['event'])) return false
  const { runId, workflowId, triggerId, pipeline, startedAt, event, root } = value
  return (
    [runId, workflowId, triggerId, pipeline, event['id'], event['type'], root['pipelineId']].every(
      (each) => typeof each === 'string' && each !== '',
    ) &&
    [startedAt, root['startedAt'], root['interruptions']].every((each) => typeof each === 'number') &&
    STATUSES.has(root['status']) &&
    isFields(root['state']) &&
    isFields(root['visits']) &&
    Array.isArray(root['ledger'])
  )
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && isPlainObject(value)
}

/** A run that stays in the store because of `error`, as it is known here. */
export function parkedRun(
  { runId, workflowId, triggerId, key, startedAt, event, root }: RunCheckpoint,
  error: SystemError,
): RunInfo {
  return {
    runId,
    workflowId,
    triggerId,
    pipelineId: root.pipelineId,
    status: 'paused',
    ...(key === undefined ? {} : { key }),
    ...(root.next === undefined ? {} : { stageId: root.next }),
    state: root.state,
    startedAt,
    error,
    eventId: event.id,
    event,
  }
}

/**
 * The trigger that a run came from.
 *
 * @throws {SystemError} `NOT_FOUND` when the workflow no longer has it, or it starts another pipeline now.
 */
export function triggerOf(
  workflowId: string,
  triggers: ReadonlyMap<string, CompiledTrigger>,
  { runId, triggerId, pipeline }: RunCheckpoint,
): CompiledTrigger {
  const trigger = triggers.get(triggerId)
  if (trigger?.pipelineKey === pipeline) return trigger
  const what = trigger ? `pipeline "${pipeline}" of trigger "${triggerId}"` : `trigger "${triggerId}"`
  throw new SystemError('NOT_FOUND', `Cannot go on with run ${runId}: "${workflowId}" has no ${what}`, {
    context: { runId, workflowId, triggerId },
  })
}
