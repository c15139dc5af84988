import { describe } from '../../core/system-error.js'
import { EngineRunner } from './engine-runner.js'
import type { SpawnWorker } from './worker-host.js'

/** Longer than that the event loop is not held up by a job that shares it, in milliseconds. */
export const IN_PROCESS_SLICE_MS = 50

/**
 * The engine without a worker, where a platform has none. A job may compute for {@link IN_PROCESS_SLICE_MS} between two
 * pauses; what cannot be interrupted (a search in an array of absurd length) does hold up its host.
 */
export const inProcessWorker: SpawnWorker = (limits, { onMessage, onExit }) => {
  let isClosed = false
  const maxSliceMs = Math.min(limits.maxSliceMs, IN_PROCESS_SLICE_MS)
  const runner = new EngineRunner({ ...limits, maxSliceMs }, (message) => {
    queueMicrotask(() => {
      if (!isClosed) onMessage(message)
    })
  })
  let earlier = runner.open().then(
    () => onMessage({ type: 'ready' }),
    (error: unknown) => onMessage({ type: 'unusable', message: describe(error) }),
  )
  return {
    post: (message) => {
      earlier = earlier.then(() => (isClosed ? undefined : runner.receive(message)))
    },
    hold: () => {},
    terminate: () => {
      if (isClosed) return
      isClosed = true
      runner.close()
      onExit('it was ended')
    },
  }
}
