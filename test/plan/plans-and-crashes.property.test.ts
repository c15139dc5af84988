import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  type IdSource,
  type StorageDriver,
  TimelinePlayer,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
} from 'busline'
import { StoredTimelineStore } from 'busline/timeline'
import { type Plan, planResult, planWorkflow } from 'busline/plan'
import {
  type FaultInjectingDriver,
  type StorageFault,
  faultInjecting,
  sequentialIds,
  simulatedClock,
} from '../../src/testing/index.js'
import { quietLogger } from '../runtime/open-runtime.js'
import { planArbitrary, plainErrors, toPlan } from './random-plan.js'
import { interpret } from './reference-interpreter.js'

const death: fc.Arbitrary<StorageFault> = fc.record({
  type: fc.constant('kill'),
  when: fc.constantFrom('before', 'after'),
  at: fc.integer({ min: 1, max: 60 }),
})

/** Some of its steps sleep until an event comes. */
function withWaits(plan: Plan, waits: readonly boolean[]): Plan {
  const steps = plan.workflow.steps!.map((step, index) =>
    waits[index] ? { ...step, wait: { event: 'next', timeout: 'never' as const } } : step,
  )
  return { ...plan, id: 'plan', workflow: { steps } }
}

/** Lives until the run has ended, or the process is killed; returns when that was. */
async function live(
  plan: Plan,
  storage: FaultInjectingDriver,
  {
    concurrency,
    ids,
    startAt,
  }: { readonly concurrency: number; readonly ids: IdSource; readonly startAt: number },
) {
  const clock = simulatedClock(startAt)
  const bus = createEventBus({ clock, ids, onError: () => {} })
  const runtime = new WorkflowRuntime({ bus, clock, ids, storage, logger: quietLogger })
  const workflow = planWorkflow(plan, { triggers: { go: { event: 'go' } }, concurrency, clock })
  const registered = runtime.register(workflow)
  await clock.advance('1m')
  await Promise.race([registered, storage.killed])
  void runtime.submit('go', {}, { id: 'the only one' })
  for (let event = 0; event < 300 && !storage.isKilled; event++) {
    await clock.advance('1s')
    if (runtime.listAllRuns().some(({ endedAt }) => endedAt !== undefined)) {
      await Promise.race([runtime.stop(), storage.killed])
      break
    }
    bus.publish('next', {})
  }
  return clock.now()
}

/** What the runs came to that have ended, by their timelines. */
async function outcomesIn(store: StorageDriver): Promise<unknown[]> {
  const timelines = new StoredTimelineStore(store)
  const { runs } = await timelines.listRuns()
  const ended = runs.filter(({ status }) => status === 'complete')
  return Promise.all(
    ended.map(async ({ runId }) => {
      const events = await timelines.getEvents(runId)
      const player = new TimelinePlayer(timelines, runId)
      await player.seek(events.at(-1)!.seq)
      return planResult(player.state as never)
    }),
  )
}

it('a plan that waits comes to the state of the naive interpreter, wherever its processes die', async () => {
  await fc.assert(
    fc.asyncProperty(
      planArbitrary,
      fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(death, { maxLength: 3 }),
      async (reference, waits, concurrency, deaths) => {
        const plan = withWaits(toPlan(reference), waits)
        const store = memoryStorage()
        const ids = sequentialIds()
        let outcomes: unknown[] = []
        let now = Date.UTC(2026, 0, 1)
        for (const faults of [...deaths.map((fault) => [fault]), []]) {
          if (outcomes.length > 0) break
          const storage = faultInjecting(store, { faults, isDurable: true })
          now = (await live(plan, storage, { concurrency, ids, startAt: now })) + 3_600_000
          outcomes = await outcomesIn(store)
        }
        const { result } = interpret(reference)
        expect(plainErrors(outcomes)).toEqual(plainErrors([result]))
      },
    ),
    { numRuns: 100 },
  )
})
