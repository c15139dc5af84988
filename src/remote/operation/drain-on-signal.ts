import { toMs } from '../../core/duration.js'
import type { StopOptions } from '../server/server-state.js'

/** What can be stopped after it has finished what it has: a `WorkerServer`, a `RemoteWorker`. */
export interface Drainable {
  stop(options: StopOptions): Promise<void>
}

export interface DrainOnSignalOptions extends Pick<StopOptions, 'timeout'> {
  /** @default ['SIGTERM'] */
  readonly signals?: readonly NodeJS.Signals[]
  /** Called when it has stopped. @default nothing: the process ends when nothing else keeps it */
  readonly onStopped?: () => void
}

/**
 * Lets a server or a worker finish what it has when the process is asked to end. @returns what takes that back.
 *
 * @throws {SystemError} `VALIDATION` for a `timeout` that is none.
 */
export function drainOnSignal(
  target: Drainable,
  { signals = ['SIGTERM'], timeout = '30s', onStopped = () => undefined }: DrainOnSignalOptions = {},
): () => void {
  const timeoutMs = toMs(timeout)
  const release = () => {
    for (const signal of signals) process.off(signal, drain)
  }
  const drain = () => {
    // A second signal does what it does by itself: it ends the process.
    release()
    void target.stop({ drain: true, timeout: timeoutMs }).then(onStopped)
  }
  for (const signal of signals) process.on(signal, drain)
  return release
}
