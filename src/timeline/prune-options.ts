import { OptionReader } from '../core/option-reader.js'
import type { PruneOptions } from './timeline-store.js'

/**
 * Reads what `prune` is given: a bound that is no number would hold for no run, and every one that has ended would be deleted.
 *
 * @returns `olderThanMs` is `Infinity` where runs of any age are kept.
 * @throws {SystemError} `VALIDATION` with every bound that is wrong.
 */
export function readPruneOptions(options: PruneOptions) {
  const reader = new OptionReader()
  const bounds = {
    olderThanMs: reader.duration('olderThan', options.olderThan, Infinity),
    maxRuns: reader.whole('maxRuns', options.maxRuns, Infinity, 0),
    maxBytes: reader.whole('maxBytes', options.maxBytes, Infinity, 0),
  }
  reader.finish('prune timelines')
  return bounds
}
