import { definePipeline, defineWorkflow } from 'busline'
import type { TeaHouseEvents } from './tea-house-events.js'
import { type WorkingDay, work } from './working-day.js'

type StockState = TeaHouseEvents['stock:counted'] & { readonly isLow?: boolean }

/** Counting a shelf: one at a time, and not the same again within half a minute. */
export function stockWorkflow(day: WorkingDay) {
  const pipeline = definePipeline()({
    id: 'stock',
    initialState: ({ payload }): StockState => payload as TeaHouseEvents['stock:counted'],
    stages: [
      {
        id: 'check',
        steps: {
          count: async ({ state }) => {
            await work(day, 900)
            if (state.grams < 0) throw new RangeError('There cannot be less than nothing on a shelf')
            return { isLow: state.grams < 100 }
          },
        },
      },
    ],
  })
  return defineWorkflow<TeaHouseEvents>()({
    id: 'stock',
    label: 'Stock count',
    triggers: { counted: { event: 'stock:counted' } },
    pipelines: { main: pipeline },
    options: {
      mode: { type: 'exclusive', onBusy: 'reject' },
      dedupe: { key: ({ payload }) => JSON.stringify(payload), ttl: '30s' },
    },
  })
}
