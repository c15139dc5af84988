import type { Unsubscribe } from '../bus/event-bus.js'
import type { BusEvent } from '../core/bus-event.js'
import { describe } from '../core/system-error.js'
import { type CompiledTrigger, payloadFault } from './compiled-trigger.js'
import type { DurableAdmission } from './durable/durable-admission.js'
import { EventTicket } from './event-ticket.js'
import type { Ticket } from './modes/mode.js'
import type { Registration } from './registration.js'
import type { RuntimeContext } from './runtime-context.js'
import { ScheduleTimer, parseSchedule } from './schedule.js'

/**
 * The triggers of one registration on the bus and on the clock: each event is checked here, and goes to the gates as a
 * ticket, or gets the receipt `invalid`.
 *
 * Invariant: where an event may disturb others before it is stored, the store is asked first whether it came before, one
 * event after the other.
 */
export class EventIntake {
  readonly #registration: Registration
  readonly #context: RuntimeContext
  readonly #kept: DurableAdmission | undefined
  readonly #schedules = new Map<CompiledTrigger, (instant: number) => number | undefined>()
  #subscriptions: readonly Unsubscribe[] = []
  #checking = Promise.resolve()

  /** @param kept Absent where nothing outlives the process. */
  constructor(registration: Registration, context: RuntimeContext, kept: DurableAdmission | undefined) {
    this.#registration = registration
    this.#context = context
    this.#kept = kept
  }

  /** Reads the schedules; rejects with the first fault. */
  async ready(): Promise<void> {
    for (const trigger of this.#registration.triggers.values()) {
      if (trigger.schedule) this.#schedules.set(trigger, await parseSchedule(trigger))
    }
  }

  /** Takes events from now on. */
  open(): void {
    const { bus, clock } = this.#context
    this.#subscriptions = [...this.#registration.triggers.values()].map((trigger) => {
      const next = this.#schedules.get(trigger)
      if (!next) return bus.subscribe(trigger.eventType, (event) => this.#receive(trigger, event))
      const timer = new ScheduleTimer(next, clock, (at) => this.#receiveDue(trigger, at))
      return () => timer.close()
    })
  }

  /** Takes nothing more. */
  close(): void {
    for (const unsubscribe of this.#subscriptions) unsubscribe()
    this.#subscriptions = []
  }

  /** The id names workflow, trigger and instant: an instant that two processes see is one event. */
  #receiveDue(trigger: CompiledTrigger, scheduledAt: number): void {
    const workflowId = this.#registration.id
    try {
      const id = `${workflowId}/${trigger.id}@${new Date(scheduledAt).toISOString()}`
      this.#receive(trigger, this.#context.bus.createEvent(trigger.eventType, { scheduledAt }, { id }))
    } catch (error) {
      this.#context.report(error, `Schedule "${trigger.id}" of workflow "${workflowId}"`)
    }
  }

  #receive(trigger: CompiledTrigger, event: BusEvent): void {
    const { hooks, admission } = this.#registration
    let key: string | undefined
    let priority = 0
    try {
      if (trigger.when && !trigger.when(event)) return
      const fault = payloadFault(trigger, event)
      if (fault !== undefined) return this.#refuse(trigger, event, fault)
      const keyOf = trigger.key ?? hooks.key
      if (keyOf) key = keyOf(event)
      if (hooks.priority) priority = hooks.priority(event)
    } catch (error) {
      return this.#refuse(trigger, event, `when, key or priority failed: ${describe(error)}`)
    }
    const ticket = new EventTicket(trigger.id, event, key, priority, this.#context.ids)
    if (this.#kept && this.#touchesOthers) this.#admitIfNew(ticket, this.#kept)
    else admission.admit(ticket)
  }

  /** Whether the mode may end, change or supersede something for an event before that event is in the store. */
  get #touchesOthers(): boolean {
    const { mode, debounce } = this.#registration.hooks
    if (mode?.type === 'singleton_loop') return mode.onBusy === 'replace' || mode.onBusy === 'signal'
    return (mode?.type === 'exclusive' && mode.onBusy === 'queue_single') || debounce !== undefined
  }

  /** An event that comes again must not disturb anything. */
  #admitIfNew(ticket: Ticket, kept: DurableAdmission): void {
    const { receipts, admission } = this.#registration
    this.#checking = this.#checking.then(async () => {
      // What cannot be read is found out when the event is stored.
      const isKnown = await kept.isAccepted(ticket).catch(() => false)
      if (isKnown) receipts.give('duplicate', ticket, { reason: 'Event id seen before' })
      else admission.admit(ticket)
    })
    this.#context.check(this.#checking)
  }

  #refuse(trigger: CompiledTrigger, event: BusEvent, reason: string): void {
    this.#registration.receipts.give('invalid', { triggerId: trigger.id, event, key: undefined }, { reason })
  }
}
