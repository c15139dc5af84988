import { SystemError, describe } from '../core/system-error.js'
import type { CompiledTrigger } from './compiled-trigger.js'
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
  try {
    return { ...migrate(structuredClone(checkpoint)), version: version! }
  } catch (error) {
    throw refused(`its migrate() failed: ${describe(error)}`, error)
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
