import {
  type BusFault,
  type EventMap,
  WorkflowRuntime,
  type WorkflowRuntimeOptions,
  createEventBus,
} from 'busline'
import { sequentialIds, simulatedClock } from '../../src/testing/index.js'

const silent = () => {}
export const quietLogger = { debug: silent, info: silent, warn: silent, error: silent }

/** A runtime on a simulated clock, with everything that was reported. */
export function openRuntime<Events extends EventMap = Record<string, unknown>>(
  options: Partial<WorkflowRuntimeOptions<Events>> = {},
) {
  const clock = simulatedClock()
  const faults: BusFault[] = []
  const bus = createEventBus<Events>({ clock, onError: (fault) => faults.push(fault) })
  const ids = sequentialIds()
  const runtime = new WorkflowRuntime<Events>({
    bus,
    clock,
    ids,
    logger: quietLogger,
    random: () => 0.5,
    ...options,
  })
  return { bus, clock, runtime, faults }
}
