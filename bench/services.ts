/**
 * What asking for a service that is already built costs, against a bare `Map.get`. Run it with
 * `npx tsx bench/services.ts`; it fails above the promised ratio.
 */
import { ArtifactContainer } from '../src/container/artifact-container.js'

const PROMISED_RATIO = 5
const CALLS = 2_000_000
const ROUNDS = 9
const KEYS = Array.from({ length: 64 }, (_, index) => `service-${index}`)

/** Nanoseconds per call: the best of several rounds, so that what else the machine does matters least. */
function measure(call: (key: string) => unknown): number {
  let best = Infinity
  let kept: unknown
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now()
    for (let index = 0; index < CALLS; index++) kept = call(KEYS[index & 63]!)
    best = Math.min(best, ((performance.now() - startedAt) * 1e6) / CALLS)
  }
  if (kept === undefined) throw new Error('Nothing was found')
  return best
}

const global = new ArtifactContainer()
const run = global.scope('workflow', { name: 'bench' }).scope('run')
for (const key of KEYS) global.register({ key, factory: () => ({ key }) })
await Promise.all(KEYS.map((key) => run.require(key)))

const map = new Map(KEYS.map((key) => [key, Promise.resolve({ key })]))
const floor = measure((key) => map.get(key))
const ours = measure((key) => run.use((deps) => deps.require(key)))
await global.dispose()

const ratio = ours / floor
const figures = { floorNs: floor.toFixed(1), oursNs: ours.toFixed(1), ratio: ratio.toFixed(2) }
console.log(JSON.stringify({ bench: 'ctx.use of a built service', ...figures, promised: PROMISED_RATIO }))
if (ratio > PROMISED_RATIO) process.exitCode = 1
