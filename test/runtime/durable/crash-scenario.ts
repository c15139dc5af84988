import {
  type AnyPipeline,
  type BusEvent,
  type DispatchResult,
  type PauseService,
  type RegistrationOptions,
  type StepContext,
  WorkflowRuntime,
  createEventBus,
  pause,
} from 'busline'
import type { IdSource } from '../../../src/core/ids.js'
import type { StorageDriver } from '../../../src/storage/storage-driver.js'
import { type SimulatedClock, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'
// Loaded on demand by the runtime; here beforehand, because no simulated clock waits for a file.
import '../../../src/runtime/runtime-engine.js'
import '../../../src/runtime/validate-workflow.js'
import '../../../src/runtime/durable/open-durability.js'

type State = Record<string, unknown>

/** Counts in the state that a place was committed. */
function counting(place: string, ...published: string[]) {
  return ({ publish, event }: StepContext) => {
    for (const type of published) publish(type, { of: event.id, place })
    return (draft: State) => void (draft[place] = ((draft[place] as number | undefined) ?? 0) + 1)
  }
}

const orderOf = (event: BusEvent): State => ({ order: (event.payload as { order: string }).order })

function failing(): never {
  throw new Error('Refused by the bank')
}

const child = (id: string): AnyPipeline => ({
  id,
  stages: [
    { id: 'pick', steps: { pick: counting(`picked`, 'seen:picked') } },
    { id: 'pack', steps: { pack: counting(`packed`) } },
  ],
})

/** Waits of every kind, children, retries, and events that leave. */
const order: AnyPipeline = {
  id: 'order',
  initialState: orderOf,
  stages: [
    {
      id: 'reserve',
      steps: { one: counting('reserved', 'seen:reserved'), two: () => ({ checked: true }) },
      router: () =>
        pause({
          until: { event: 'approved', conditions: [{ field: 'order', op: '==', valueFrom: 'order' }] },
          timeout: '1d',
          into: 'approval',
        }),
    },
    { id: 'fork', pipelines: [child('left'), child('right')] },
    {
      id: 'charge',
      steps: {
        charge: {
          action: (context: StepContext) =>
            context.attempt % 2 === 1 ? failing() : counting('charged')(context),
          retry: { limit: 3, backoff: 'fixed', delay: '1s' },
        },
      },
    },
    {
      id: 'pay',
      watch: { event: 'paid', conditions: [{ field: 'order', op: '==', valueFrom: 'order' }] },
      router: () => pause({ timeout: '1d', into: 'payment' }),
    },
    { id: 'nap', router: () => pause({ timeout: '5s', into: 'nap' }) },
    { id: 'close', steps: { close: counting('closed', 'seen:closed') } },
  ],
}

/** A step that registers a watch itself, then children per item that wait for a while. */
const parcel: AnyPipeline = {
  id: 'parcel',
  initialState: orderOf,
  stages: [
    {
      id: 'ask',
      steps: {
        ask: async ({ use, state }: StepContext) => {
          const service = await use((deps) => deps.require<PauseService>('__pause_service__'))
          await service.register({
            event: 'picked-up',
            conditions: [{ field: 'order', op: '==', value: state['order'] }],
            assign: { by: 'courier' },
          })
          return { asked: true }
        },
        count: counting('askedOnce', 'seen:asked'),
      },
      router: () => pause({ timeout: '1d' }),
    },
    {
      id: 'legs',
      forEach: () => ['a', 'b', 'c'],
      concurrency: 2,
      pipelines: [
        {
          id: 'leg',
          stages: [
            {
              id: 'go',
              steps: { go: counting('went') },
              router: () => pause({ timeout: '2s', onRestore: 'remaining' }),
            },
            { id: 'there', steps: { there: counting('arrived') } },
          ],
        },
      ],
    },
    { id: 'done', steps: { done: counting('delivered', 'seen:delivered') } },
  ],
}

/** Fails at its last stage, and undoes what it did. */
const saga: AnyPipeline = {
  id: 'saga',
  initialState: orderOf,
  compensate: true,
  stages: [
    {
      id: 'first',
      steps: {
        book: { action: counting('booked'), compensate: counting('unbooked', 'seen:unbooked') },
      },
    },
    {
      id: 'second',
      steps: { pay: { action: counting('paid'), compensate: counting('repaid', 'seen:repaid') } },
    },
    { id: 'third', steps: { fail: failing } },
  ],
}

const twice: AnyPipeline = {
  id: 'twice',
  initialState: orderOf,
  stages: [
    { id: 'one', steps: { one: counting('one') }, router: () => pause({ timeout: '3s' }) },
    { id: 'two', steps: { two: counting('two', 'seen:two') } },
  ],
}

interface Registered {
  readonly id: string
  readonly event: string
  readonly pipeline: AnyPipeline
  readonly options: RegistrationOptions
}

const workflows: readonly Registered[] = [
  { id: 'orders', event: 'order', pipeline: order, options: { mode: { type: 'transient', concurrency: 2 } } },
  { id: 'parcels', event: 'parcel', pipeline: parcel, options: {} },
  { id: 'sagas', event: 'saga', pipeline: saga, options: {} },
  { id: 'ledger', event: 'entry', pipeline: twice, options: { mode: { type: 'serialized' } } },
  {
    id: 'search',
    event: 'typed',
    pipeline: twice,
    options: { mode: { type: 'singleton_loop', onBusy: 'replace' } },
  },
  {
    id: 'report',
    event: 'changed',
    pipeline: twice,
    options: { mode: { type: 'exclusive', onBusy: 'queue_single' } },
  },
  { id: 'late', event: 'late', pipeline: twice, options: { debounce: { wait: '1s' } } },
]

/** What a user of the runtime does, one after the other; each is repeated until it was acknowledged. */
interface Action {
  readonly type: string
  readonly payload: object
  readonly id: string
}

const submit = (type: string, order: string): Action => ({
  type,
  payload: { order, by: 'Ada' },
  id: `${type}-${order}`,
})

export const script: readonly Action[] = [
  submit('order', 'a'),
  submit('order', 'b'),
  submit('order', 'c'),
  submit('parcel', 'a'),
  submit('saga', 'a'),
  submit('paid', 'a'),
  submit('entry', '1'),
  submit('entry', '2'),
  submit('entry', '3'),
  submit('typed', '1'),
  submit('typed', '2'),
  submit('changed', '1'),
  submit('changed', '2'),
  submit('changed', '3'),
  submit('late', '1'),
  submit('picked-up', 'a'),
  submit('approved', 'b'),
  submit('approved', 'a'),
  submit('paid', 'b'),
  submit('approved', 'c'),
  submit('paid', 'c'),
  { type: 'signal', payload: { note: 'kept' }, id: 'signal' },
  { type: 'abort', payload: {}, id: 'abort' },
]

/** What is known outside of all processes: what was acknowledged, and what was seen on the bus. */
export interface World {
  readonly ids: IdSource
  /** By id of the event: the receipts of the submission that was acknowledged. */
  readonly acknowledged: Map<string, readonly DispatchResult[]>
  /** All receipts by id of the event, acknowledged or not. */
  readonly receipts: Map<string, string[]>
  /** What left a run, by run and place: the ids it was seen under. */
  readonly seen: Map<string, Set<string>>
  readonly submitted: Set<string>
  now: number
}

export function createWorld(ids: IdSource): World {
  return {
    ids,
    acknowledged: new Map(),
    receipts: new Map(),
    seen: new Map(),
    submitted: new Set(),
    now: Date.UTC(2026, 0, 1),
  }
}

const CLAIM_TTL_MS = 10_000

export interface LifeOptions {
  readonly storage: StorageDriver
  readonly world: World
  /** Resolves when the process is dead. @default never */
  readonly killed?: Promise<void>
  /** Lets what the driver does by itself settle: several rounds for one that answers late. @default one round */
  readonly settle?: (clock: SimulatedClock) => Promise<void>
}

/**
 * One process: registers the workflows, does what of the script was not acknowledged yet, and lets time pass until nothing
 * is left to do. Returns whether it came to that, or was killed before.
 */
export async function live({
  storage,
  world,
  killed = new Promise<void>(() => {}),
  settle = (clock) => clock.settle(),
}: LifeOptions): Promise<boolean> {
  const clock = simulatedClock(world.now)
  const { ids } = world
  const bus = createEventBus({ clock, ids, onError: () => {} })
  const runtime = new WorkflowRuntime({
    bus,
    clock,
    ids,
    storage,
    claimTtl: CLAIM_TTL_MS,
    logger: quietLogger,
    random: () => 0.5,
  })
  let isDead = false
  void killed.then(() => (isDead = true))
  bus.subscribe('*', ({ type, id, payload }) => {
    if (isDead || !type.startsWith('seen:')) return
    const { of, place } = payload as { of: string; place: string }
    // Two children publish from the same place.
    const key = `${type} ${of} ${place}`
    const under = world.seen.get(key) ?? new Set()
    world.seen.set(key, under.add(id))
  })
  const leave = () => {
    world.now = clock.now() + 3 * CLAIM_TTL_MS
    return !isDead
  }
  let lastError: unknown
  /** Lets time pass in small steps until something is done. */
  const until = async <Value>(at: string, act: Promise<Value>): Promise<Value | undefined> => {
    let value: { readonly it: Value } | undefined
    let isOver = false
    act.then(
      (it) => {
        value = { it }
        isOver = true
      },
      (error: unknown) => {
        lastError = error
        isOver = true
      },
    )
    let hangsAfter: number | undefined
    for (let round = 0; !isOver && !isDead; round++) {
      await settle(clock)
      if (isOver || isDead || round <= 2) continue
      if (round <= 2000) await clock.advance(50)
      else {
        // A store that opens a file waits for the disk of this machine, which other tests may keep busy.
        hangsAfter ??= performance.now() + 60_000
        if (performance.now() > hangsAfter) throw new Error(`The process hangs at ${at}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    return value?.it
  }

  for (const { id, event, pipeline, options } of workflows) {
    const definition = { id, triggers: { on: { event } }, pipelines: { main: pipeline } }
    const onDispatch = ({ eventId, outcome }: DispatchResult) => {
      if (!isDead) world.receipts.set(eventId, [...(world.receipts.get(eventId) ?? []), outcome])
    }
    for (let attempt = 0; !runtime.hasWorkflow(id); attempt++) {
      if (attempt > 5) throw new Error(`Cannot register "${id}"`, { cause: lastError })
      await until(id, runtime.register(definition, { ...options, onDispatch }))
      if (isDead) return leave()
    }
  }
  const runOf = (eventId: string) =>
    runtime.listAllRuns().find((run) => run.eventId === eventId && run.endedAt === undefined)?.runId

  for (const action of script) {
    if (world.acknowledged.has(action.id)) continue
    const { type, payload, id } = action
    let receipts: readonly DispatchResult[] = []
    world.submitted.add(id)
    if (type === 'signal') {
      const runId = runOf('entry-1') ?? runOf('entry-2') ?? runOf('entry-3')
      if (runId) await until(id, runtime.signal(runId, { ...payload }))
    } else if (type === 'abort') {
      const runId = runOf('typed-2')
      if (runId) await until(id, runtime.abort(runId))
    } else {
      const answer = await until(id, runtime.submit(type, payload, { id }))
      if (answer?.ok) receipts = answer.value
    }
    if (isDead) return leave()
    world.acknowledged.set(id, receipts)
    // The order is that of a user who looks before acting, save for events that are to come early.
    for (let round = 0; round < (type === 'order' ? 1 : 3); round++) await settle(clock)
    if (type === 'picked-up' || type === 'approved') await clock.advance('1s')
    if (isDead) return leave()
  }
  for (let round = 0; round < 60 && !isDead; round++) {
    await settle(clock)
    await clock.advance('1s')
    const { queued } = runtime.dispatches()
    const isBusy = runtime.listAllRuns().some(({ endedAt }) => endedAt === undefined)
    if (!isBusy && queued === 0 && round > 2) break
  }
  if (!isDead) await until('stop', runtime.stop({ drain: true }))
  return leave()
}

interface Ended {
  readonly runId: string
  readonly workflowId: string
  readonly eventId: string
  readonly status: string
  readonly state: State
}

async function recordsOf(storage: StorageDriver, prefix: string) {
  const records = []
  for (let after: string | undefined; ;) {
    const page = await storage.scan({ prefix, ...(after === undefined ? {} : { after }) })
    records.push(...page)
    if (page.length < 1000) return records
    after = page.at(-1)!.key
  }
}

const ONCE: Readonly<Record<string, readonly string[]>> = {
  orders: ['reserved', 'charged', 'closed'],
  parcels: ['askedOnce', 'delivered'],
  sagas: ['booked', 'paid', 'unbooked', 'repaid'],
  ledger: ['one', 'two'],
  report: ['one', 'two'],
  late: ['one', 'two'],
}

const PUBLISHED: Readonly<Record<string, readonly string[]>> = {
  orders: ['seen:reserved # reserved', 'seen:closed # closed'],
  parcels: ['seen:asked # askedOnce', 'seen:delivered # delivered'],
  sagas: ['seen:unbooked # unbooked', 'seen:repaid # repaid'],
  ledger: ['seen:two # two'],
  report: ['seen:two # two'],
  late: ['seen:two # two'],
}

/** Records that are nobody's business any more, once everything is done. */
export async function leftOver(storage: StorageDriver): Promise<readonly string[]> {
  const keys = (await recordsOf(storage, '')).map(({ key }) => key)
  return keys.filter((key) => !/^(ended|history|accepted|remembered|timeline)\//.test(key))
}

/**
 * Everything that is not as promised after the last process has done its work.
 *
 * @param isLossy Whether commits were lost after they were acknowledged: what they published comes again under another id.
 */
export async function violations(
  storage: StorageDriver,
  world: World,
  isLossy = false,
): Promise<readonly string[]> {
  const found: string[] = []
  for (const key of await leftOver(storage)) found.push(`left over: ${key}`)
  const ended = (await recordsOf(storage, 'ended/')).map(({ value }) => value as Ended)
  const byEvent = new Map<string, Ended[]>()
  for (const run of ended) byEvent.set(run.eventId, [...(byEvent.get(run.eventId) ?? []), run])
  for (const [eventId, runs] of byEvent) {
    if (runs.length > 1) found.push(`${eventId}: ${runs.length} runs`)
  }
  for (const run of ended) found.push(...faultsOfRun(run, world, isLossy))
  for (const [eventId, receipts] of world.acknowledged) {
    for (const { outcome } of receipts) {
      const hasEnded = byEvent.has(eventId)
      const all = world.receipts.get(eventId) ?? []
      // Whether the process lived to tell or not.
      const cameToNothing =
        (eventId === 'changed-2' && world.submitted.has('changed-3')) ||
        // What was lost comes again, and later than what was not.
        (isLossy && eventId.startsWith('changed') && all.includes('superseded'))
      if (['started', 'replaced', 'queued', 'delayed', 'duplicate'].includes(outcome)) {
        if (!hasEnded && !cameToNothing) found.push(`${eventId}: ${all.join(', ')}, and never ended`)
      } else if (!['superseded', 'rejected'].includes(outcome)) found.push(`${eventId}: ${outcome}`)
    }
  }
  const timelines = (await recordsOf(storage, 'timeline/run/')).map(
    ({ value }) => (value as { meta: { runId: string; status: string; eventCount: number } }).meta,
  )
  for (const { runId, status, eventCount } of timelines) {
    if (!['complete', 'failed', 'aborted'].includes(status)) found.push(`timeline of ${runId}: ${status}`)
    const records = await recordsOf(storage, `timeline/events/${runId}/`)
    const seqs = records.flatMap(({ value }) => {
      const { first, types } = value as { first: number; types: readonly string[] }
      return types.map((_, index) => first + index)
    })
    if (seqs.length !== eventCount || seqs.some((seq, index) => seq !== index + 1))
      found.push(`timeline of ${runId}: ${seqs.length} of ${eventCount} events, or out of order`)
  }
  return found
}

function faultsOfRun(
  { workflowId, eventId, status, state }: Ended,
  world: World,
  isLossy: boolean,
): readonly string[] {
  const isSeen = (key: string, times = 1) => {
    const under = world.seen.get(key)?.size ?? 0
    expect(isLossy ? under >= times : under === times, `${key} was seen under ${under} ids, not ${times}`)
  }
  const found: string[] = []
  const expect = (isMet: boolean, what: string) => {
    if (!isMet) found.push(`${eventId}: ${what}: ${status} ${JSON.stringify(state)}`)
  }
  if (workflowId === 'search') {
    expect(status === 'succeeded' || status === 'aborted', 'unexpected end')
    expect(((state['one'] as number) ?? 0) <= 1 && ((state['two'] as number) ?? 0) <= 1, 'twice')
    return found
  }
  expect(status === (workflowId === 'sagas' ? 'failed' : 'succeeded'), 'unexpected end')
  for (const place of ONCE[workflowId] ?? []) expect(state[place] === 1, `${place} is not committed once`)
  if (workflowId === 'orders') {
    expect((state['approval'] as { kind: string } | undefined)?.kind === 'event', 'approval was lost')
    expect((state['payment'] as { kind: string } | undefined)?.kind === 'event', 'payment was lost')
    for (const side of ['left', 'right']) {
      const childState = state[side] as State | undefined
      expect(childState?.['picked'] === 1 && childState['packed'] === 1, `${side} is not committed once`)
    }
    isSeen(`seen:picked ${eventId} picked`, 2)
  }
  if (workflowId === 'parcels') {
    expect(state['courier'] === 'Ada', 'the pick-up was lost')
    const legs = state['leg'] as readonly State[] | undefined
    expect(legs?.length === 3 && legs.every(({ went, arrived }) => went === 1 && arrived === 1), 'legs')
  }
  for (const published of PUBLISHED[workflowId] ?? []) isSeen(published.replace('#', eventId))
  return found
}
