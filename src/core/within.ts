import type { Clock, TimerHandle } from './clock.js'

/**
 * Settles as `asked` does, and leaves no timer behind.
 *
 * @throws what `late` makes, when that takes longer than `ms` milliseconds.
 */
export async function within<Value>(
  clock: Clock,
  ms: number,
  asked: Promise<Value>,
  late: () => Error,
): Promise<Value> {
  let timer: TimerHandle
  const timeout = new Promise<never>((_, reject) => {
    timer = clock.setTimeout(() => reject(late()), ms)
  })
  try {
    return await Promise.race([asked, timeout])
  } finally {
    clock.clearTimeout(timer)
  }
}
