import { positionOf } from '../timeline/timeline-store.js'
import type { RunOrigin } from './run-environment.js'
import type { RuntimeContext } from './runtime-context.js'

/** How far the timeline of a run has come that was begun elsewhere. The run goes on as well where that cannot be told. */
export async function timelineSoFar(
  { recorder, report }: Pick<RuntimeContext, 'recorder' | 'report'>,
  runId: string,
): Promise<RunOrigin['continues']> {
  try {
    const meta = await recorder?.stored(runId)
    return meta && positionOf(meta)
  } catch (error) {
    report(error, `Going on with the timeline of run ${runId}, of which nothing more is recorded,`)
    return 'unknown'
  }
}
