import { createRequire } from 'node:module'
import { shuffle } from './chance.js'
import type { Delivery } from './delivery.js'

/** The share of deliveries that come twice: GitHub delivers at least once, under the same id. */
const REDELIVERED = 0.03

/** How many other deliveries come between the first and the second, at most. */
const LONGEST_DELAY = 12

/**
 * The real deliveries of the package `@octokit/webhooks-examples`, in an order that `random` chooses, a few of them
 * twice.
 */
export function githubDeliveries(random: () => number): readonly Delivery[] {
  // The package is JSON without an `exports` map: require reads it in every version of Node.
  const hooks = createRequire(import.meta.url)('@octokit/webhooks-examples') as readonly {
    readonly name: string
    readonly examples: readonly unknown[]
  }[]
  const deliveries = shuffle(
    hooks.flatMap(({ name, examples }) =>
      examples.map((payload, index): Delivery => ({
        type: name,
        payload,
        meta: { id: `${name}-${index + 1}`, source: 'github' },
      })),
    ),
    random,
  )
  for (const delivery of [...deliveries]) {
    if (random() >= REDELIVERED) continue
    const place = deliveries.indexOf(delivery) + 1 + Math.floor(random() * LONGEST_DELAY)
    deliveries.splice(place, 0, delivery)
  }
  return deliveries
}
