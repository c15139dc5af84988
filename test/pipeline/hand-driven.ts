import type { BusEvent } from '../../src/core/bus-event.js'
import { compilePipeline } from '../../src/pipeline/compiled-pipeline.js'
import type { PipelineCheckpoint } from '../../src/pipeline/checkpoint.js'
import type { AnyPipeline } from '../../src/pipeline/pipeline-definition.js'
import { PipelineRun } from '../../src/pipeline/pipeline-run.js'
import type { RunHost } from '../../src/pipeline/run-host.js'
import { type SimulatedClock, simulatedClock } from '../../src/testing/simulated-clock.js'
import { sequentialIds } from '../../src/testing/sequential-ids.js'

/** One run that a test advances by hand: no bus, no runtime. */
export interface HandDriven {
  readonly run: PipelineRun
  readonly clock: SimulatedClock
  /** Events as they left with commits. */
  readonly published: BusEvent[]
  /** The checkpoint at each commit. */
  readonly checkpoints: PipelineCheckpoint[]
  readonly records: { readonly type: string; readonly payload: Readonly<Record<string, unknown>> }[]
  /** Advances until the run pauses or ends. */
  readonly finish: () => Promise<PipelineRun>
  /** A new run from a checkpoint, as another process would make it. */
  readonly restore: (checkpoint: PipelineCheckpoint, lastAliveAt?: number) => HandDriven
}

export const startEvent: BusEvent = {
  id: 'e1',
  type: 'test:start',
  payload: { amount: 5 },
  timestamp: 0,
}

const silent = () => {}

export function drive(definition: AnyPipeline, overrides: Partial<RunHost> = {}): HandDriven {
  const pipeline = compilePipeline(definition)
  return attach(overrides, simulatedClock(), (host) =>
    PipelineRun.start(pipeline, host, pipeline.initialState(host.event)),
  )

  function attach(
    given: Partial<RunHost>,
    clock: SimulatedClock,
    open: (host: RunHost) => PipelineRun,
  ): HandDriven {
    const published: BusEvent[] = []
    const checkpoints: PipelineCheckpoint[] = []
    const records: HandDriven['records'] = []
    const ids = sequentialIds()
    const host: RunHost = {
      runId: 'run-1',
      workflowId: 'orders',
      event: startEvent,
      clock,
      random: () => 0.5,
      logger: { debug: silent, info: silent, warn: silent, error: silent },
      use: () => {
        throw new Error('no services here')
      },
      createEvent: (type, payload, meta) => ({ id: ids(), type, payload, timestamp: clock.now(), ...meta }),
      commit: (events) => {
        published.push(...events)
        checkpoints.push(structuredClone(run.checkpoint()))
      },
      record: (_source, type, payload) => records.push({ type, payload }),
      ...given,
    }
    const run = open(host)
    return {
      run,
      clock,
      published,
      checkpoints,
      records,
      async finish() {
        while (run.status === 'running') await run.advance()
        return run
      },
      restore: (checkpoint, lastAliveAt) =>
        attach(given, clock, (next) =>
          PipelineRun.restore(pipeline, next, checkpoint, undefined, lastAliveAt),
        ),
    }
  }
}
