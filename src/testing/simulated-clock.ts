import { type Duration, toMs } from '../core/duration.js'
import type { Clock } from '../core/clock.js'

/** A {@link Clock} that stands still until it is moved. */
export interface SimulatedClock extends Clock {
  /**
   * Moves time forward and runs the timers that became due, in the order of their instants; after each one, and at
   * the end, everything that it set in motion is given the chance to settle.
   */
  advance(duration: Duration): Promise<void>
  /** Lets everything that is already due or resolved settle, without moving time. */
  settle(): Promise<void>
  /** Puts the wall clock elsewhere without running timers: what a suspended machine or a corrected clock looks like. */
  jump(toInstant: number): void
  /** How many timers are set: zero after everything was closed. */
  readonly pendingTimers: number
}

interface Timer {
  readonly dueAt: number
  readonly order: number
  readonly callback: () => void
}

/** A macrotask: promise chains of any length have run dry when it resolves. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

/** @param startAt Epoch milliseconds at which the clock starts. @default 2026-01-01T00:00:00Z */
export function simulatedClock(startAt: number = Date.UTC(2026, 0, 1)): SimulatedClock {
  let now = startAt
  let order = 0
  const timers = new Set<Timer>()

  const nextDue = (until: number): Timer | undefined => {
    let next: Timer | undefined
    for (const timer of timers) {
      if (timer.dueAt > until) continue
      if (!next || timer.dueAt < next.dueAt || (timer.dueAt === next.dueAt && timer.order < next.order)) {
        next = timer
      }
    }
    return next
  }

  return {
    now: () => now,
    setTimeout(callback, ms) {
      if (ms === Infinity) return undefined
      const timer: Timer = { dueAt: now + Math.max(0, ms), order: order++, callback }
      timers.add(timer)
      return timer
    },
    clearTimeout(handle) {
      timers.delete(handle as Timer)
    },
    async advance(duration) {
      const until = now + toMs(duration)
      await macrotask()
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        timers.delete(timer)
        now = Math.max(now, timer.dueAt)
        timer.callback()
        await macrotask()
      }
      now = Math.max(now, until)
    },
    settle: macrotask,
    jump(toInstant) {
      now = toInstant
    },
    get pendingTimers() {
      return timers.size
    },
  }
}
