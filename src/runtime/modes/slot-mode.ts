import type { Mode, ModeHost, ModeRun, Occupancy, Ticket } from './mode.js'
import { WaitingLine } from './waiting-line.js'

/** A slot in use. `run` is absent while the host is still starting it. */
export interface Tenure {
  readonly runId: string
  run: ModeRun | undefined
}

/**
 * What the four modes have in common: slots, a line of those who wait, and the way from one to the other. A mode adds
 * what a ticket meets when no slot is free.
 *
 * Whoever calls finds either no free slot or nobody waiting: a slot that comes free is given away before anything else
 * happens. The host may call back from within any call made to it (a receipt's hook that publishes), so state is brought
 * up to date first, a slot is taken before its run is started, and `queued` is given before what follows from it.
 */
export abstract class SlotMode implements Mode {
  protected readonly host: ModeHost
  protected readonly concurrency: number
  protected readonly slots = new Set<Tenure>()
  protected readonly line = new WaitingLine<Ticket>()
  readonly #onIdle: (() => void) | undefined
  #closedFor: string | undefined

  /** @param onIdle Called whenever nothing is active and nothing waits any more. */
  constructor(host: ModeHost, concurrency: number, onIdle?: () => void) {
    this.host = host
    this.concurrency = concurrency
    this.#onIdle = onIdle
  }

  /** Decides on a ticket that finds no slot free. */
  protected abstract meetBusy(ticket: Ticket): void

  admit(ticket: Ticket): void {
    if (this.#closedFor !== undefined) this.host.decide(ticket, 'dropped', { reason: this.#closedFor })
    else if (this.hasRoom) this.start(ticket)
    else this.meetBusy(ticket)
  }

  resume(_run: ModeRun, go: () => void): void {
    go()
  }

  withdraw(runId: string): Ticket | undefined {
    return this.line.remove(runId)
  }

  adopt(run: ModeRun): void {
    this.keep(this.take(run.runId), run)
  }

  close(reason: string): void {
    this.#closedFor = reason
    for (const ticket of this.line.clear()) this.host.decide(ticket, 'dropped', { reason })
  }

  get active(): readonly string[] {
    return Array.from(this.slots, (tenure) => tenure.runId)
  }

  get queued(): number {
    return this.line.size
  }

  occupancy(): readonly Occupancy[] {
    return this.slots.size === 0 ? [] : [{ active: this.active, queued: this.queued }]
  }

  protected get hasRoom(): boolean {
    return this.slots.size < this.concurrency
  }

  /** How long a run holds its slot. */
  protected end(run: ModeRun): Promise<void> {
    return run.settled
  }

  protected take(runId: string): Tenure {
    const tenure = { runId, run: undefined }
    this.slots.add(tenure)
    return tenure
  }

  protected keep(tenure: Tenure, run: ModeRun): void {
    tenure.run = run
    const free = (): void => {
      this.slots.delete(tenure)
      // What the Set leaves behind when it shrinks would else keep the run from the cheap garbage collection.
      tenure.run = undefined
      this.giveAway(run)
      if (this.slots.size === 0) this.#onIdle?.()
    }
    // Neither promise rejects; if one did, its slot must not be lost with it.
    this.end(run).then(free, free)
  }

  protected start(ticket: Ticket, replacedRunId?: string): void {
    const tenure = this.take(ticket.runId)
    this.keep(tenure, this.host.start(ticket, replacedRunId))
  }

  /** Gives free slots to those who wait. */
  protected giveAway(_ended: ModeRun): void {
    while (this.hasRoom) {
      const ticket = this.line.next()
      if (!ticket) return
      this.start(ticket)
    }
  }

  protected queueUp(ticket: Ticket, capacity: number): void {
    if (this.line.size >= capacity) {
      this.host.decide(ticket, 'dropped', { reason: `Capacity of ${capacity} reached` })
      return
    }
    this.line.add(ticket)
    this.host.decide(ticket, 'queued')
  }

  /** Queues a ticket in the place of the one that waits, if one does. */
  protected keepNewest(ticket: Ticket): void {
    const earlier = this.line.next()
    this.line.add(ticket)
    this.host.decide(ticket, 'queued')
    if (earlier) this.host.decide(earlier, 'superseded', { reason: supersededBy(ticket) })
  }
}

export function supersededBy(ticket: Ticket): string {
  return `Superseded by event ${ticket.event.id}`
}
