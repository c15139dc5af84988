import { Piscina } from 'piscina'
import { inFlight, roundTripsPerSecond } from './round-trips.mjs'

const pool = new Piscina({
  filename: new URL('piscina-thread.mjs', import.meta.url).href,
  minThreads: 1,
  maxThreads: 1,
  concurrentTasksPerWorker: inFlight,
})

await roundTripsPerSecond({
  add: (input) => pool.run(input, { name: 'add' }),
  move: (buffer) => pool.run(buffer, { name: 'move', transferList: [buffer] }),
})
await pool.destroy()
