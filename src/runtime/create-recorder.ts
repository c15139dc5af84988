import type { Clock } from '../core/clock.js'
import { SystemError } from '../core/system-error.js'
import { createRedaction } from '../timeline/redaction.js'
import { type LossReport, TimelineRecorder } from '../timeline/timeline-recorder.js'
import type { TimelineStore } from '../timeline/timeline-store.js'
import type { RuntimeContext } from './runtime-context.js'
import type { WorkflowRuntimeOptions } from './runtime-options.js'

/** The recorder of a runtime, which reports what it loses. */
export function createRecorder(
  store: TimelineStore,
  { redact, timeline }: Pick<WorkflowRuntimeOptions, 'redact' | 'timeline'>,
  clock: Clock,
  report: RuntimeContext['report'],
): TimelineRecorder {
  const redaction = redact && createRedaction({ redact })
  const onLoss = ({ runId, lostEvents, reason, error }: LossReport) => {
    const message = `The timeline of run ${runId} lost ${lostEvents} events (${reason})`
    report(
      new SystemError('STORAGE', message, { cause: error, context: { runId, lostEvents, reason } }),
      'Recording',
    )
  }
  return new TimelineRecorder({ ...timeline, store, clock, onLoss, ...(redaction ? { redaction } : {}) })
}
