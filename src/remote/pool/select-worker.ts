import type { PooledWorker } from './pooled-worker.js'
import type { WorkerCriteria } from './worker-info.js'

/**
 * The best of the workers that are free for it: the very model before one of a similar name, its zone before others, then
 * by affinity if there is a key, else the least loaded; ties go to the lower id, in whose order `workers` must stand.
 */
export function selectWorker(
  workers: Iterable<PooledWorker>,
  criteria: WorkerCriteria,
): PooledWorker | undefined {
  const { model, category, zone, affinityKey } = criteria
  let best: PooledWorker | undefined
  let bestTier = -1
  let bestCost = Infinity
  for (const worker of workers) {
    if (worker.status !== 'available' || worker.freeSlotsFor(category) === 0) continue
    const cost = affinityKey === undefined ? worker.load : distance(affinityKey, worker)
    // Nothing more is asked of one that cannot win: the questions below are dear.
    if (bestTier === BEST_TIER && cost >= bestCost) continue
    const fit = worker.modelFit(model)
    if (fit === 0 || !worker.canServe(criteria)) continue
    const tier = fit * 2 + (zone === undefined || worker.capabilities.zone === zone ? 1 : 0)
    if (tier < bestTier) continue
    if (tier > bestTier || cost < bestCost) {
      best = worker
      bestTier = tier
      bestCost = cost
      if (tier === BEST_TIER && cost === 0) break
    }
  }
  return best
}

const BEST_TIER = 5

/** The least loaded of those that are there, full ones included. */
export function leastLoaded(workers: Iterable<PooledWorker>): PooledWorker | undefined {
  let best: PooledWorker | undefined
  for (const worker of workers) {
    const { status } = worker
    if (status !== 'available' && status !== 'busy') continue
    if (!best || worker.load < best.load) best = worker
  }
  return best
}

/**
 * Weighted rendezvous hashing: each key has an order of workers of its own, which stays when others come and go; a worker
 * of twice the weight is first for twice as many keys.
 */
function distance(key: string, worker: PooledWorker): number {
  return -Math.log(uniform(`${worker.id}\u0000${key}`)) / worker.weight
}

/** A number above 0 and below 1 that looks random: FNV-1a with the finish of murmur3. */
function uniform(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32
}
