import { type Clock, systemClock } from '../../core/clock.js'
import { describe } from '../../core/system-error.js'
import type { Mode, ModeHost, Ticket } from '../modes/mode.js'
import type { AdmissionOptions } from './admission-options.js'
import { Debounce } from './debounce.js'
import { Dedupe } from './dedupe.js'
import type { AdmissionHost, Gate } from './gate.js'
import { RateLimit } from './rate-limit.js'
import { RecentIds } from './recent-ids.js'
import { Throttle } from './throttle.js'

/** A mode with its gates. It keeps the invariants of a mode; `delayed` then counts as the one receipt before the final one. */
export interface Admission extends Mode {
  /** Tickets that debounce and throttle hold back. */
  readonly delayed: number
  /** Takes a ticket that was admitted before, in a process that is gone: it is neither a duplicate nor too much. */
  readmit(ticket: Ticket): void
}

/**
 * Puts gates in front of a mode; check the options with `validateAdmissionOptions()` first.
 *
 * @param createMode Makes the mode behind the gates with the host it is to use.
 * @throws {SystemError} `VALIDATION` when a duration is malformed.
 */
export function createAdmission(
  options: AdmissionOptions,
  createMode: (host: ModeHost) => Mode,
  host: AdmissionHost,
  clock: Clock = systemClock,
): Admission {
  const { dedupe: dedupeOptions, rateLimit: rateOptions } = options
  const dedupe = dedupeOptions && new Dedupe(dedupeOptions, clock)
  const rateLimit = rateOptions && new RateLimit(rateOptions, clock)
  const holdsBack = options.debounce !== undefined || options.throttle !== undefined
  const oneDelay = holdsBack ? announcingOnce(host) : host
  const mode = createMode(oneDelay)
  const throttle =
    options.throttle && new Throttle(options.throttle, (ticket) => mode.admit(ticket), oneDelay, clock)
  const behind = throttle ?? mode
  const debounce =
    options.debounce && new Debounce(options.debounce, (ticket) => behind.admit(ticket), oneDelay, clock)
  const first = debounce ?? behind
  /** Nearest to the mode first: what waits there has waited longest. */
  const gates = [throttle, debounce].filter(
    (gate): gate is Throttle | Debounce => gate !== undefined,
  ) as Gate[]
  /** By trigger, because one event may match several. Not asked when `dedupe` looks at the ids itself. */
  const recent = dedupeOptions && !dedupeOptions.key ? undefined : new Map<string, RecentIds>()
  let closedFor: string | undefined

  function isKnown({ triggerId, event }: Ticket): boolean {
    let ids = recent!.get(triggerId)
    if (!ids) recent!.set(triggerId, (ids = new RecentIds()))
    return !ids.add(event.id)
  }

  function admit(ticket: Ticket): void {
    if (closedFor !== undefined) return host.decide(ticket, 'dropped', { reason: closedFor })
    if (recent && isKnown(ticket)) return host.decide(ticket, 'duplicate', { reason: 'Event id seen before' })
    if (dedupe) {
      try {
        if (dedupe.isRepeated(ticket)) {
          return host.decide(ticket, 'duplicate', { reason: `Seen within ${dedupeOptions.ttl}` })
        }
      } catch (error) {
        return host.decide(ticket, 'invalid', { reason: `dedupe.key failed: ${describe(error)}` })
      }
    }
    if (rateLimit?.isExceeded(ticket)) {
      const reason = `Rate of ${rateOptions!.limit} per ${rateOptions!.per} exceeded`
      return host.decide(ticket, 'dropped', { reason })
    }
    first.admit(ticket)
  }

  return {
    admit,
    readmit(ticket) {
      if (recent) isKnown(ticket)
      first.admit(ticket)
    },
    resume: (run, go) => mode.resume(run, go),
    withdraw(runId, key) {
      let ticket = mode.withdraw(runId, key)
      for (const gate of gates) ticket ??= gate.withdraw(runId)
      return ticket
    },
    adopt: (run) => mode.adopt(run),
    close(reason) {
      closedFor = reason
      mode.close(reason)
      for (const gate of gates) gate.close(reason)
    },
    get active() {
      return mode.active
    },
    get queued() {
      return mode.queued
    },
    get delayed() {
      return gates.reduce((sum, gate) => sum + gate.delayed, 0)
    },
    occupancy: () => mode.occupancy(),
  }
}

/** A ticket that was `delayed` is not announced again: not by the next gate, nor as `queued` by the mode. */
function announcingOnce(host: AdmissionHost): AdmissionHost {
  const delayed = new WeakSet<Ticket>()
  return {
    start: (ticket, replacedRunId) => host.start(ticket, replacedRunId),
    decide(ticket, outcome, details) {
      if (outcome === 'delayed' || outcome === 'queued') {
        if (delayed.has(ticket)) return
        if (outcome === 'delayed') delayed.add(ticket)
      }
      host.decide(ticket, outcome, details)
    },
  }
}
