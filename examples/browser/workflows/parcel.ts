import { advance, definePipeline, defineWorkflow, pause } from 'busline'
import type { TeaHouseEvents } from './tea-house-events.js'
import { type WorkingDay, work } from './working-day.js'

const WAY = ['depot', 'tram', 'bicycle', 'door']

interface ParcelState {
  readonly order: string
  readonly guest: string
  readonly weight: number
  readonly stops: readonly string[]
  readonly label?: string
  readonly thanked?: boolean
}

/** A parcel that is asked where it is, again and again, until it is at the door. */
export function parcelWorkflow(day: WorkingDay) {
  const pipeline = definePipeline()({
    id: 'parcel',
    initialState: ({ payload }): ParcelState => ({
      ...(payload as TeaHouseEvents['parcel:sent']),
      stops: [],
    }),
    stages: [
      {
        id: 'label',
        steps: {
          print: async () => {
            await work(day, 200)
            return { label: `TH-${1000 + Math.floor(day.random() * 9000)}` }
          },
        },
      },
      {
        id: 'track',
        steps: {
          where: async ({ state, logger }) => {
            await work(day, 150)
            const stop = WAY[Math.min(WAY.length - 1, state.stops.length)]!
            logger.debug(`Now at the ${stop}`)
            return { stops: [...state.stops, stop] }
          },
        },
        router: ({ state }) =>
          state.stops.at(-1) === 'door' ? advance() : pause({ timeout: '2s', resumeAt: 'track' }),
      },
      {
        id: 'thank',
        steps: {
          note: async () => {
            await work(day, 120)
            return { thanked: true }
          },
        },
      },
    ],
  })
  return defineWorkflow<TeaHouseEvents>()({
    id: 'parcel',
    label: 'Parcel',
    version: '1',
    triggers: { sent: { event: 'parcel:sent', key: ({ payload }) => payload.guest } },
    pipelines: { main: pipeline },
  })
}
