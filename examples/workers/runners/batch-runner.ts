import { setTimeout as sleep } from 'node:timers/promises'
import { type IterationContext, type RunnerContext, type RunnerInstance, defineRunner } from 'busline/workers'

/**
 * Works off batches: each iteration is a batch of so many items, each with some simulated work. A class, since it keeps
 * what it has done between iterations.
 */
class BatchRunner implements RunnerInstance {
  #items = 0

  start({ logger, options }: RunnerContext): void {
    logger.info('starts', { batchSize: options['batchSize'] })
  }

  async execute({ options, telemetry, signal, iteration }: IterationContext): Promise<boolean> {
    const { batchSize = 5, workMs = 2 } = options as { batchSize?: number; workMs?: number }
    telemetry.activeRequestCount++
    try {
      for (let item = 0; item < batchSize; item++) {
        await sleep(workMs, undefined, { signal })
        telemetry.requestCount++
        this.#items++
      }
    } finally {
      telemetry.activeRequestCount--
    }
    telemetry.say(`batch ${iteration + 1}: ${this.#items} items so far`)
    // Every seventh batch does not go well; the loop goes on.
    return iteration % 7 !== 6
  }

  update({ logger, options }: RunnerContext): void {
    logger.info('has new options', { batchSize: options['batchSize'] })
  }

  completed({ logger }: RunnerContext): void {
    logger.info('is done', { items: this.#items })
  }
}

export const batchRunner = defineRunner(BatchRunner)
