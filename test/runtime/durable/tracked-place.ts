import type { StorageDriver } from '../../../src/storage/storage-driver.js'
import { trackCalls } from '../../storage/track-calls.js'
import type { Place } from './crash-points.js'

/** A store that really takes time, opened anew by each process: the clock stands still while it is at work. */
export function trackedPlace(open: () => StorageDriver): Place {
  let settle: ReturnType<typeof trackCalls>['settle'] = () => Promise.resolve()
  return {
    open() {
      const { storage, settle: own } = trackCalls(open())
      settle = own
      return storage
    },
    close: (store) => store.close(),
    settle: (clock) => settle(clock),
  }
}
