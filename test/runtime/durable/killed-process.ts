/**
 * A process of its own, to be killed: `tsx killed-process.ts <database> <effects> <first> <count> <claimTtl>`, where the database
 * is a SQLite file or `postgresql://…`. Accepts orders
 * `first` to `first + count - 1`, goes on with what others left, and writes each effect, under its key, and each acknowledgement and
 * outcome to a file that is no part of the store. Exits when everything has ended.
 */
import { appendFileSync } from 'node:fs'
import { type StepContext, WorkflowRuntime, createEventBus, pause } from '../../../src/index.js'
import { openStore } from './open-store.js'

const [database = '', effects = '', first = '0', count = '0', claimTtl = '300'] = process.argv.slice(2)

const write = (kind: string, ...rest: readonly string[]) =>
  appendFileSync(effects, [kind, String(process.pid), ...rest].join(' ') + '\n')

const stage = (id: string) => ({
  id,
  steps: {
    work: async ({ event, idempotencyKey, attempt }: StepContext) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
      write('effect', event.id, id, idempotencyKey, String(attempt))
      return (draft: Record<string, unknown>) =>
        void (draft[id] = ((draft[id] as number | undefined) ?? 0) + 1)
    },
  },
})

const storage = openStore(database)
const bus = createEventBus({ onError: () => {} })
const silent = () => {}
const runtime = new WorkflowRuntime({
  bus,
  storage,
  claimTtl: Number(claimTtl),
  logger: { debug: silent, info: silent, warn: silent, error: silent },
})
bus.subscribe('bus:error', ({ payload }) => {
  if (payload.error.code === 'FENCED') write('fenced')
})
await runtime.register(
  {
    id: 'orders',
    triggers: { placed: { event: 'order' } },
    pipelines: {
      main: {
        id: 'main',
        stages: [
          stage('reserve'),
          { id: 'nap', router: () => pause({ timeout: 5 }) },
          stage('charge'),
          stage('ship'),
        ],
      },
    },
  },
  {
    mode: { type: 'transient', concurrency: 20 },
    onComplete: (result) => write('outcome', result.metadata.runId, result.ok ? 'succeeded' : 'failed'),
  },
)
write('ready')
const orders = Array.from({ length: Number(count) }, (_, index) => `order-${Number(first) + index}`)
await Promise.all(
  orders.map(async (id) => {
    const answer = await runtime.submit('order', {}, { id })
    if (answer.ok) write('accepted', id, answer.value[0]!.outcome)
  }),
)
const isBusy = async () => {
  const live = runtime.listAllRuns().some(({ endedAt }) => endedAt === undefined)
  if (live || runtime.dispatches().queued > 0) return true
  try {
    const left = await Promise.all(
      ['run/', 'ticket/', 'unsettled/'].map((prefix) => storage.scan({ prefix, limit: 1 })),
    )
    return left.some((records) => records.length > 0)
  } catch {
    // The database is away: nobody knows yet.
    return true
  }
}
while (await isBusy()) await new Promise((resolve) => setTimeout(resolve, 50))
await runtime.stop({ drain: true })
await storage.close()
write('done')
