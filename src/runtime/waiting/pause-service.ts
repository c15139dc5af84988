import { SystemError } from '../../core/system-error.js'
import { type WatchDescriptor, validateDescriptor } from '../../pipeline/watch-descriptor.js'

/** What steps get as `__pause_service__`: it registers what the run will wait for, before it pauses. */
export interface PauseService {
  /**
   * Begins to watch: from here on, events that fit are kept for the next pause. The watch lives until it is cancelled
   * or the run ends. Resolves to its id; an equal descriptor gives the id of the watch that is there.
   * Rejects with `VALIDATION` when the descriptor is malformed.
   */
  register(descriptor: WatchDescriptor): Promise<string>
  /** Ends a watch and drops what was kept for it. Resolves to whether there was one. */
  cancel(watchId: string): Promise<boolean>
}

export function createPauseService(
  register: (descriptor: WatchDescriptor) => string,
  cancel: (watchId: string) => boolean,
): PauseService {
  return {
    // Promises, so that a fault is a rejection, and a durable runtime may answer when the watch is stored.
    register: (descriptor) =>
      new Promise((resolve) => {
        const [issue] = validateDescriptor(descriptor, 'descriptor')
        if (issue) {
          throw new SystemError('VALIDATION', `Cannot register a watch: "${issue.path}" ${issue.message}`)
        }
        resolve(register(structuredClone(descriptor)))
      }),
    cancel: (watchId) => Promise.resolve(cancel(watchId)),
  }
}
