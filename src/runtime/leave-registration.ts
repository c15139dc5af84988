import type { Clock } from '../core/clock.js'
import { toMs } from '../core/duration.js'
import { SystemError } from '../core/system-error.js'
import type { PendingWork } from './pending-work.js'
import type { Registration } from './registration.js'
import type { StopOptions } from './runtime-options.js'

/**
 * Ends a registration: it takes nothing more, its runs are aborted, or left to whoever recovers them, and what it has asked
 * of the store is waited for as long as its patience lasts. Its services go last.
 */
export async function leaveRegistration(
  registration: Registration,
  reason: string,
  { drain = false, timeout = '30s' }: StopOptions,
  clock: Clock,
  pending: PendingWork,
): Promise<void> {
  registration.close(reason, true)
  if (drain) await drained(registration, toMs(timeout), clock)
  const left = new SystemError('UNAVAILABLE', `${reason}: the run is kept, and goes on when it is recovered`)
  const { store, durability } = registration
  for (const run of registration.runs) {
    if (durability) run.suspend(left)
    else run.abort(reason)
  }
  store?.patience.end(left)
  await registration.idle()
  if (store && durability) {
    await store.patience.bound(durability.recovered(registration)).catch(() => {})
    await pending.settled()
    store.patience.close()
  }
  await registration.dispose()
}

/** Resolves when every run has ended or sleeps, or when the time is up. */
function drained(registration: Registration, timeoutMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(resolve, timeoutMs)
    const running = registration.runs.filter(({ status }) => status === 'running')
    void Promise.all(running.map((run) => run.released)).then(() => {
      clock.clearTimeout(timer)
      resolve()
    })
  })
}
