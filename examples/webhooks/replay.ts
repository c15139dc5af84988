import { type AnyEventBus, MemoryTimelineStore, WorkflowRuntime, createEventBus } from 'busline'
import { sequentialIds, simulatedClock } from 'busline/testing'
import { seededRandom } from '../../src/cli/seeded-random.js'
import type { Progress } from '../../src/cli/terminal/progress-line.js'
import { randomGapMs } from './chance.js'
import { ChangeLog } from './change-log.js'
import type { Delivery } from './delivery.js'
import { GitHubStub } from './github-stub.js'
import type { RegisteredWorkflow } from './registered-workflow.js'
import { Tally } from './tally.js'
import { type Statistics, type WebhookEvents, ownSchemas } from './webhook-events.js'

export interface ReplayOptions {
  readonly deliveries: readonly Delivery[]
  readonly workflows: readonly RegisteredWorkflow[]
  readonly seed: number
  /**
   * Called after each delivery, and each simulated second at the end, with simulated time; the replay waits for its
   * promise.
   */
  readonly onProgress: (progress: Progress) => void | Promise<void>
}

export interface ReplayResult {
  readonly tally: Tally
  readonly timelines: MemoryTimelineStore
  readonly reports: readonly Statistics[]
  readonly releases: readonly WebhookEvents['release:shipped'][]
  /** What went wrong where nobody could be told by an exception. */
  readonly faults: readonly string[]
  /** Deliveries that the bus did not take. */
  readonly refused: readonly { readonly delivery: Delivery; readonly reason: string }[]
}

/** The mean time between two deliveries, simulated. */
const MEAN_GAP_MS = 180

/** When runs are still under way after this simulated time they are aborted. */
const LONGEST_END_MS = 3_600_000

const silent = () => {}
const quietLogger = { debug: silent, info: silent, warn: silent, error: silent }

/**
 * Publishes deliveries on a bus where workflows are registered, and waits until everything has come to an end.
 *
 * Time, ids and chance are given to bus, runtime and workflows, so that two replays of one seed are the same to the
 * millisecond, and minutes of waiting take no time.
 */
export async function replay({
  deliveries,
  workflows,
  seed,
  onProgress,
}: ReplayOptions): Promise<ReplayResult> {
  const clock = simulatedClock()
  const ids = sequentialIds()
  const arrivals = seededRandom(seed)
  const bus = createEventBus<WebhookEvents>({ clock, ids, schemas: ownSchemas })
  // Room for everything, because the report looks at all runs.
  const maxEvents = 100_000 + 100 * deliveries.length
  const timelines = new MemoryTimelineStore({ clock, maxEvents, maxRuns: maxEvents })
  const runtime = new WorkflowRuntime({
    bus,
    clock,
    ids,
    random: seededRandom(seed + 1),
    logger: quietLogger,
    timelineStore: timelines,
    services: {
      github: () => new GitHubStub({ clock, random: seededRandom(seed + 2) }),
      changes: () => new ChangeLog(),
    },
  })

  const tally = new Tally(workflows)
  const reports: Statistics[] = []
  const releases: WebhookEvents['release:shipped'][] = []
  const faults: string[] = []
  const refused: ReplayResult['refused'][number][] = []
  tally.listenTo(bus)
  bus.subscribe('statistics:reported', ({ payload }) => reports.push(payload))
  bus.subscribe('release:shipped', ({ payload }) => releases.push(payload))
  bus.subscribe('bus:error', ({ payload }) =>
    faults.push(`${payload.what ?? payload.during}: ${payload.error.message}`),
  )

  for (const { workflow, options } of workflows) {
    await runtime.register(workflow, { ...options, onDispatch: (receipt) => tally.received(receipt) })
  }

  const beganAt = clock.now()
  let published = 0
  const progress = () =>
    onProgress({
      published,
      total: deliveries.length,
      running: tally.running,
      paused: tally.paused,
      ended: tally.ended,
      elapsedMs: clock.now() - beganAt,
    })

  // Anybody's events may be of types that the compiler does not know.
  const anyBus: AnyEventBus = bus
  for (const delivery of deliveries) {
    await clock.advance(randomGapMs(arrivals, MEAN_GAP_MS))
    try {
      anyBus.publish(delivery.type, delivery.payload, delivery.meta)
    } catch (error) {
      refused.push({ delivery, reason: error instanceof Error ? error.message : String(error) })
    }
    await clock.settle()
    published++
    await progress()
  }

  const endsBy = clock.now() + LONGEST_END_MS
  while (clock.pendingTimers > 0 && clock.now() < endsBy) {
    await clock.advance('1s')
    await progress()
  }
  await runtime.stop()
  bus.close()
  return { tally, timelines, reports, releases, faults, refused }
}
