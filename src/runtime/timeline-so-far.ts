import type { RunOrigin } from './run-environment.js'
import type { RuntimeContext } from './runtime-context.js'

/** How far the timeline of a run has come that was begun elsewhere. The run goes on as well where that cannot be told. */
export async function timelineSoFar(
  { recorder, report }: Pick<RuntimeContext, 'recorder' | 'report'>,
  runId: string,
): Promise<RunOrigin['continues']> {
  try {
    return await recorder?.position(runId)
  } catch (error) {
    report(error, `Going on with the timeline of run ${runId}, of which nothing more is recorded,`)
    return 'unknown'
  }
}
