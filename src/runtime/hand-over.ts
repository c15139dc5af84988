import { SystemError, isSystemError } from '../core/system-error.js'
import { migrateCheckpoint } from './fit-checkpoint.js'
import type { Registration } from './registration.js'
import { noWorkflow, notLive } from './refusal.js'
import { type RunBundle, parseRunBundle } from './run-bundle.js'
import type { RunInfo } from './run-result.js'
import type { RuntimeContext } from './runtime-context.js'
import { timelineSoFar } from './timeline-so-far.js'

/** Takes a paused run out of a runtime. Throws what refuses it. */
export async function exportRun(context: RuntimeContext, runId: string): Promise<RunBundle> {
  const run = context.runs.find(runId)
  const giveAway = run && (() => run.giveAway())
  const bundle = giveAway
    ? await context.runs.whileMoving(runId, giveAway)
    : await context.durability?.registry.exported(runId)
  if (!bundle) throw notLive(context, 'export', runId)
  return bundle
}

/** Goes on with a run that was taken out of a runtime. Throws what refuses it. */
export async function importRun(
  context: RuntimeContext,
  registrations: ReadonlyMap<string, Registration>,
  given: RunBundle,
): Promise<RunInfo> {
  const bundle = parseRunBundle(given)
  const { runId } = bundle.checkpoint
  return context.runs.whileMoving(runId, () => takeIn(context, registrations, bundle))
}

async function takeIn(
  context: RuntimeContext,
  registrations: ReadonlyMap<string, Registration>,
  bundle: RunBundle,
): Promise<RunInfo> {
  const { runId, workflowId } = bundle.checkpoint
  const registration = registrations.get(workflowId)
  if (!registration) throw noWorkflow(workflowId)
  const isHere = new SystemError('DUPLICATE_KEY', `Cannot import run ${runId}: it is here already`, {
    context: { runId, workflowId },
  })
  if (context.runs.info(runId)) throw isHere
  const contents = { ...bundle, checkpoint: migrateCheckpoint(registration.workflow, bundle.checkpoint) }
  registration.assertKnows(contents.checkpoint)
  const journal = registration.durability?.journal(registration, runId, bundle.epoch + 1, 1)
  const adopted = journal?.adopt(contents)
  if (adopted) context.track(adopted)
  await adopted?.catch((error: unknown) => {
    throw isSystemError(error) && error.code === 'CONFLICT' ? isHere : error
  })
  // It may have been here before.
  const continues = await timelineSoFar(context, runId)
  if (registration.isClosed) throw hasLeft(runId, workflowId, adopted !== undefined)
  if (context.runs.info(runId)) throw isHere
  registration.recoverRun(contents, journal, [], continues)
  return context.runs.info(runId)!
}

/** The workflow was deregistered, or the runtime stopped, while the run was on its way in. */
function hasLeft(runId: string, workflowId: string, isKept: boolean): SystemError {
  const then = isKept ? 'it is kept, and goes on when it is recovered' : 'import it elsewhere'
  const message = `Run ${runId} cannot go on here: workflow "${workflowId}" has left meanwhile; ${then}`
  return new SystemError('UNAVAILABLE', message, { context: { runId } })
}
