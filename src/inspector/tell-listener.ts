import type { RunListener } from './inspector-source.js'
import { toFault } from './to-fault.js'
import type { RunTimelineMeta } from '../timeline/timeline-store.js'

/** What a listener throws is its own: others are told all the same, and the source is asked again. */
export function tellChanged(listener: RunListener, runs: readonly RunTimelineMeta[]): void {
  try {
    listener.changed(runs)
  } catch (error) {
    tellFailed(listener, error)
  }
}

export function tellFailed(listener: RunListener, error: unknown): void {
  try {
    listener.failed?.(toFault(error))
  } catch {
    // There is nobody left to tell.
  }
}
