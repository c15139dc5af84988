import { type StepContext, definePipeline, defineWorkflow, jump, pause } from 'busline'
import { type OrderItem, TEAS, type TeaHouseEvents } from './tea-house-events.js'
import { type WorkingDay, work } from './working-day.js'

/** From this price on a person has to look at an order. */
const NEEDS_APPROVAL = 60

interface OrderState {
  readonly id: string
  readonly guest: string
  readonly items: readonly OrderItem[]
  readonly total?: number
  /** Per cent. */
  readonly discount?: number
  readonly needsApproval?: boolean
  readonly payment?: { readonly method: string; readonly receipt: string }
}

/** An order: priced, approved by a person when it is dear, picked item by item, charged with retries, handed over. */
export function orderWorkflow(day: WorkingDay) {
  const pipeline = definePipeline()({
    id: 'order',
    initialState: ({ payload }): OrderState => payload as TeaHouseEvents['order:placed'],
    stages: [
      {
        id: 'price',
        steps: {
          total: async ({ state, logger }) => {
            await work(day, 320)
            const total = state.items.reduce((sum, { tea, grams }) => sum + (TEAS[tea] ?? 0.1) * grams, 0)
            logger.info('Priced the order', { items: state.items.length })
            return { total: Math.round(total * 100) / 100 }
          },
          discount: async () => {
            await work(day, 180)
            return { discount: day.random() < 0.3 ? 10 : 0 }
          },
        },
        router: ({ state }) => jump((state.total ?? 0) < NEEDS_APPROVAL ? 'pick' : 'approve'),
      },
      {
        id: 'approve',
        steps: {
          ask: async ({ logger, state }) => {
            await work(day, 90)
            logger.warn(`An order of ${state.total} needs the eye of a person`)
            return { needsApproval: true }
          },
        },
        router: ({ state }) =>
          pause({
            until: { event: 'order:approved', conditions: [{ field: 'id', op: '==', value: state.id }] },
            timeout: '10m',
            into: 'approval',
          }),
      },
      {
        id: 'pick',
        forEach: ({ items }) => items,
        concurrency: 2,
        pipelines: [pickingPipeline(day)],
      },
      {
        id: 'charge',
        steps: {
          card: {
            retry: { limit: 3, delay: 350, jitter: 0.3 },
            action: async ({ state, attempt, progress, logger }) => {
              progress(0.3, 'asking the bank')
              await work(day, 420)
              if (day.random() < 0.4) throw new Error('The bank did not answer in time')
              logger.info(`Charged ${state.total} at attempt ${attempt}`)
              return { payment: { method: 'card', receipt: `R-${Math.floor(day.random() * 1e6)}` } }
            },
          },
        },
      },
      {
        id: 'hand over',
        steps: {
          wrap: () => work(day, 240),
          send: async ({ state, publish }) => {
            await work(day, 140)
            const weight = state.items.reduce((sum, { grams }) => sum + grams, 0)
            publish('parcel:sent', { order: state.id, guest: state.guest, weight })
          },
        },
      },
    ],
  })
  return defineWorkflow<TeaHouseEvents>()({
    id: 'order',
    label: 'Order',
    version: '3',
    triggers: { placed: { event: 'order:placed', key: ({ payload }) => payload.guest } },
    pipelines: { main: pipeline },
  })
}

/** One item of an order, from shelf to scale. */
function pickingPipeline(day: WorkingDay) {
  return definePipeline({
    id: 'picking',
    stages: [
      {
        id: 'find',
        steps: {
          shelf: async ({ state, logger }: StepContext) => {
            await work(day, 260)
            const { tea } = state['item'] as OrderItem
            logger.info(`Found ${tea}`)
            return { shelf: `${tea[0]}${1 + Math.floor(day.random() * 9)}` }
          },
        },
      },
      {
        id: 'weigh',
        steps: {
          scale: {
            retry: { limit: 2, delay: 150, backoff: 'fixed' },
            action: async ({ state }: StepContext) => {
              await work(day, 220)
              if (day.random() < 0.2) throw new Error('The scale does not settle')
              return { grams: (state['item'] as OrderItem).grams }
            },
          },
        },
      },
    ],
  })
}
