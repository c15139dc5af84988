import { type AnyEventBus, type TimelineStore, WorkflowRuntime, createEventBus } from 'busline'
import { sequentialIds, simulatedClock } from 'busline/testing'
import { StoredTimelineStore } from 'busline/timeline'
import { seededRandom } from '../../src/core/seeded-random.js'
import type { Progress } from '../../src/cli/terminal/progress-line.js'
import { randomGapMs } from './chance.js'
import { ChangeLog } from './change-log.js'
import type { Delivery } from './delivery.js'
import { GitHubStub } from './github-stub.js'
import type { RegisteredWorkflow } from './registered-workflow.js'
import type { StepStorage } from './step-storage.js'
import { commentEngine } from './workflows/comments.js'
import { type SavedTally, Tally } from './tally.js'
import { type Statistics, type WebhookEvents, ownSchemas } from './webhook-events.js'

export interface ReplayOptions {
  readonly deliveries: readonly Delivery[]
  readonly workflows: readonly RegisteredWorkflow[]
  readonly seed: number
  readonly storage: StepStorage
  /** Where another replay of the same was cut off. @default at the beginning */
  readonly from?: SavedReplay | undefined
  /**
   * Called after each delivery, and each simulated second at the end, with simulated time; the replay waits for its
   * promise.
   */
  readonly onProgress: (progress: Progress) => void | Promise<void>
}

/** What is kept of a replay beside its runs, after each step. */
export interface SavedReplay extends Pick<ReplayResult, 'reports' | 'releases' | 'faults' | 'refused'> {
  readonly seed: number
  /** What is published. */
  readonly total: number
  readonly published: number
  readonly beganAt: number
  /** The simulated instant. */
  readonly now: number
  /** How many ids were given out. */
  readonly ids: number
  readonly tally: SavedTally
  readonly isOver: boolean
}

/** Where a {@link SavedReplay} stands in the storage. */
export const REPLAY_KEY = 'replay'

export interface ReplayResult {
  readonly tally: Tally
  readonly timelines: TimelineStore
  readonly reports: readonly Statistics[]
  readonly releases: readonly WebhookEvents['release:shipped'][]
  /** What went wrong where nobody could be told by an exception. */
  readonly faults: readonly string[]
  /** Deliveries that the bus did not take. */
  readonly refused: readonly { readonly delivery: Delivery; readonly reason: string }[]
}

/** The mean time between two deliveries, simulated. */
const MEAN_GAP_MS = 180

/** A process that was killed counts as alive for so long: nobody goes on with its runs before that. */
const CLAIM_TTL_MS = 10_000

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
  storage,
  from,
  onProgress,
}: ReplayOptions): Promise<ReplayResult> {
  const clock = simulatedClock(from && from.now + 2 * CLAIM_TTL_MS)
  const countedIds = sequentialIds()
  let givenIds = 0
  const ids = () => {
    givenIds++
    return countedIds()
  }
  while (givenIds < (from?.ids ?? 0)) ids()
  const arrivals = seededRandom(seed)
  const bus = createEventBus<WebhookEvents>({ clock, ids, schemas: ownSchemas })
  const timelines = new StoredTimelineStore(storage, { clock })
  const runtime = new WorkflowRuntime({
    bus,
    clock,
    ids,
    random: seededRandom(seed + 1),
    logger: quietLogger,
    storage,
    claimTtl: CLAIM_TTL_MS,
    services: {
      github: () => new GitHubStub({ clock, random: seededRandom(seed + 2) }),
      changes: () => new ChangeLog(),
    },
  })

  const tally = new Tally(workflows)
  if (from) tally.restore(from.tally)
  const reports: Statistics[] = [...(from?.reports ?? [])]
  const releases: WebhookEvents['release:shipped'][] = [...(from?.releases ?? [])]
  const faults: string[] = [...(from?.faults ?? [])]
  const refused: ReplayResult['refused'][number][] = [...(from?.refused ?? [])]
  tally.listenTo(bus)
  bus.subscribe('statistics:reported', ({ payload }) => reports.push(payload))
  bus.subscribe('release:shipped', ({ payload }) => releases.push(payload))
  bus.subscribe('bus:error', ({ payload }) =>
    faults.push(`${payload.what ?? payload.during}: ${payload.error.message}`),
  )

  for (const { workflow, options } of workflows) {
    await runtime.register(workflow, { ...options, onDispatch: (receipt) => tally.received(receipt) })
  }

  const beganAt = from?.beganAt ?? clock.now()
  let published = from?.published ?? 0
  const progress = () =>
    onProgress({
      published,
      total: deliveries.length,
      running: tally.running,
      paused: tally.paused,
      ended: tally.ended,
      elapsedMs: clock.now() - beganAt,
    })

  /** What the present instant has set in motion is over, on other threads too. */
  const settle = async () => {
    do {
      await commentEngine.settled()
      await clock.settle()
    } while (commentEngine.isBusy)
  }

  const endStep = async (isOver = false) => {
    const value: SavedReplay = {
      seed,
      total: deliveries.length,
      published,
      beganAt,
      now: clock.now(),
      ids: givenIds,
      tally: tally.save(),
      reports,
      releases,
      faults,
      refused,
      isOver,
    }
    await storage.endStep({ key: REPLAY_KEY, value })
    await progress()
  }

  await settle()
  // Anybody's events may be of types that the compiler does not know.
  const anyBus: AnyEventBus = bus
  for (const [index, delivery] of deliveries.entries()) {
    const gapMs = randomGapMs(arrivals, MEAN_GAP_MS)
    if (index < published) continue
    await clock.advance(gapMs)
    try {
      anyBus.publish(delivery.type, delivery.payload, delivery.meta)
    } catch (error) {
      refused.push({ delivery, reason: error instanceof Error ? error.message : String(error) })
    }
    await settle()
    published++
    await endStep()
  }

  const endsBy = clock.now() + LONGEST_END_MS
  while (isBusy(runtime) && clock.now() < endsBy) {
    await clock.advance('1s')
    await settle()
    await endStep()
  }
  await runtime.stop()
  await commentEngine.close()
  await endStep(true)
  bus.close()
  return { tally, timelines, reports, releases, faults, refused }
}

function isBusy(runtime: WorkflowRuntime<WebhookEvents>): boolean {
  return runtime.dispatches().queued > 0 || runtime.listAllRuns().some(({ endedAt }) => endedAt === undefined)
}
