import { isThenable } from '../core/is-thenable.js'
import { SystemError } from '../core/system-error.js'
import type { RuntimeContext } from './runtime-context.js'

/**
 * Calls a hook of the application. What it throws, or that it does not settle in time, is reported and changes nothing.
 * Returns a promise only when there is something to wait for.
 */
export function callHook<Argument>(
  context: Pick<RuntimeContext, 'clock' | 'hookTimeoutMs' | 'report'>,
  name: string,
  hook: ((argument: Argument) => unknown) | undefined,
  argument: Argument,
): Promise<void> | undefined {
  if (!hook) return undefined
  const what = `Hook ${name}`
  try {
    const result = hook(argument)
    return isThenable(result) ? settled(context, what, result) : undefined
  } catch (error) {
    context.report(error, what)
    return undefined
  }
}

/**
 * `onCleanup`, the last hook of a run. `stop()` waits for it; one that calls `stop()` waits for that, and so is taken for
 * settled. Returns a promise only when there is something to wait for.
 */
export function callOnCleanup(
  context: Pick<RuntimeContext, 'clock' | 'hookTimeoutMs' | 'report' | 'isStopping'>,
  hook: (() => unknown) | undefined,
): Promise<void> | undefined {
  const wasStopping = context.isStopping()
  const cleaned = callHook(context, 'onCleanup', hook, undefined)
  return context.isStopping() === wasStopping ? cleaned : undefined
}

function settled(
  { clock, hookTimeoutMs, report }: Pick<RuntimeContext, 'clock' | 'hookTimeoutMs' | 'report'>,
  what: string,
  result: PromiseLike<unknown>,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => {
      report(new SystemError('TIMEOUT', `${what} did not settle within ${hookTimeoutMs} ms`), what)
      resolve()
    }, hookTimeoutMs)
    const done = () => {
      clock.clearTimeout(timer)
      resolve()
    }
    result.then(done, (error: unknown) => {
      report(error, what)
      done()
    })
  })
}
