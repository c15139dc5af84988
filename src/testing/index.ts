export { type SimulatedClock, simulatedClock } from './simulated-clock.js'
export { sequentialIds } from './sequential-ids.js'
