import fc from 'fast-check'
import {
  type EventBus,
  type StorageDriver,
  type WorkflowDefinition,
  TimelinePlayer,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
} from 'busline'
import { StoredTimelineStore } from 'busline/timeline'
import { isFinished } from '../../../src/timeline/timeline-store.js'
import {
  type FaultInjectingDriver,
  type SimulatedClock,
  type StorageFault,
  faultInjecting,
  sequentialIds,
  simulatedClock,
} from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'

/** The call to the store at which a process dies. */
export const death: fc.Arbitrary<StorageFault> = fc.record({
  type: fc.constant('kill'),
  when: fc.constantFrom('before', 'after'),
  at: fc.integer({ min: 1, max: 100 }),
})

export interface MortalRun {
  /** What the event `go` starts. */
  readonly define: (process: Process) => WorkflowDefinition
  /** Keeps a run going that waits; called every second. */
  readonly nudge: (process: Process) => void
}

export interface Process {
  readonly bus: EventBus<Record<string, unknown>>
  readonly clock: SimulatedClock
  readonly runtime: WorkflowRuntime
}

/** How a run ended, by its timeline. */
export interface RunEnd {
  /** Of its first event and its last. */
  readonly types: readonly string[]
  readonly state: unknown
}

/** In seconds: a run that has not ended then never will. */
const PATIENCE = 300

/** Publishes one event and lives through deaths, each of a process of its own; returns how the runs ended that have. */
export async function runThroughDeaths(run: MortalRun, deaths: readonly StorageFault[]): Promise<RunEnd[]> {
  const store = memoryStorage()
  const ids = sequentialIds()
  let now = Date.UTC(2026, 0, 1)
  for (const faults of [...deaths.map((fault) => [fault]), []]) {
    const storage = faultInjecting(store, { faults, isDurable: true })
    const clock = simulatedClock(now)
    const bus = createEventBus({ clock, ids, onError: () => {} })
    const runtime = new WorkflowRuntime({ bus, clock, ids, storage, logger: quietLogger, random: () => 0.5 })
    await live(run, { bus, clock, runtime }, storage)
    const ends = await endsIn(store)
    if (ends.length > 0) return ends
    // The claims of the dead have lapsed.
    now = clock.now() + 3_600_000
  }
  return []
}

/** Until the run has ended, or the process is killed. */
async function live({ define, nudge }: MortalRun, process: Process, storage: FaultInjectingDriver) {
  const { clock, runtime } = process
  const registered = runtime.register(define(process))
  await clock.advance('1m')
  await Promise.race([registered, storage.killed])
  // Where it was accepted before it is a duplicate.
  void runtime.submit('go', {}, { id: 'the only one' })
  for (let second = 0; second < PATIENCE && !storage.isKilled; second++) {
    await clock.advance('1s')
    if (runtime.listAllRuns().some(({ endedAt }) => endedAt !== undefined)) {
      await Promise.race([runtime.stop(), storage.killed])
      return
    }
    nudge(process)
  }
}

async function endsIn(store: StorageDriver): Promise<RunEnd[]> {
  const timelines = new StoredTimelineStore(store)
  const { runs } = await timelines.listRuns()
  const ended = runs.filter(({ status }) => isFinished(status))
  return Promise.all(
    ended.map(async ({ runId }) => {
      const events = await timelines.getEvents(runId)
      const player = new TimelinePlayer(timelines, runId)
      await player.seek(events.at(-1)!.seq)
      return { types: [events[0]!.type, events.at(-1)!.type], state: player.state }
    }),
  )
}
