import type { RunRecording } from '../timeline/run-recording.js'
import type { TimelineRecorder } from '../timeline/timeline-recorder.js'
import type { Registration } from './registration.js'
import type { RunEnvironment, RunOrigin } from './run-environment.js'
import { timelineMetadata } from './timeline-metadata.js'

/** What records a run from here on; nothing where nothing is recorded. */
export function openRecording(
  recorder: TimelineRecorder | undefined,
  { id: workflowId, version, durability }: Pick<Registration, 'id' | 'version' | 'durability'>,
  run: RunEnvironment,
  from?: RunOrigin,
): RunRecording | undefined {
  const continues = from?.continues
  if (!recorder || continues === 'unknown') return undefined
  return recorder.open({
    runId: run.runId,
    workflowId,
    pipelineId: run.pipelineId,
    startTime: run.startedAt,
    metadata: timelineMetadata(run, version, from?.parent),
    ...(durability?.timelines ? { storedBy: 'taken' } : {}),
    // So that the first event brings it along, whatever that is.
    ...(from ? { state: from.state } : {}),
    ...(continues ? { continues } : {}),
  })
}
