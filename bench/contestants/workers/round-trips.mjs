import { ratePerSecond, report } from '../stopwatch.mjs'

/** What is sent to a thread and comes back: two numbers and their sum, or a megabyte that moves there and back. */
export const kind = process.argv[2]

const IN_FLIGHT = { tiny: 64, transfer: 8 }[kind]
const MEGABYTE = 1024 * 1024

/**
 * How many tasks one thread does per second, with so many under way at once.
 *
 * @param exchange.add gets `{ a, b }` and resolves to the sum.
 * @param exchange.move gets an `ArrayBuffer`, and resolves to one that came back.
 */
export async function roundTripsPerSecond({ add, move }) {
  const lanes = Array.from({ length: IN_FLIGHT }, () => ({ buffer: new ArrayBuffer(MEGABYTE) }))
  const trip = {
    tiny: async () => {
      if ((await add({ a: 1, b: 2 })) !== 3) throw new Error('Wrong sum')
    },
    transfer: async (lane) => {
      lane.buffer = await move(lane.buffer)
      if (lane.buffer.byteLength !== MEGABYTE) throw new Error('Wrong size')
    },
  }[kind]
  const rate = await ratePerSecond(
    async (batch) => {
      const each = batch / IN_FLIGHT
      await Promise.all(
        lanes.map(async (lane) => {
          for (let index = 0; index < each; index++) await trip(lane)
        }),
      )
    },
    { batch: IN_FLIGHT * 50 },
  )
  report(rate)
}

export const inFlight = IN_FLIGHT
