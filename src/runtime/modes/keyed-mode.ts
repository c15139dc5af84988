import type { Mode, ModeRun, Occupancy, Ticket } from './mode.js'

/**
 * A mode per key: made when the first event of a key comes, dropped when nothing of that key is active and nothing waits.
 * What is kept is therefore bounded by what is alive, not by how many keys there ever were. Events without a key share
 * a mode of their own.
 */
export class KeyedMode implements Mode {
  readonly #create: (onIdle: () => void) => Mode
  readonly #lanes = new Map<string | undefined, Mode>()
  #closedFor: string | undefined

  /** @param create Makes the mode of one key, which must call `onIdle` whenever it has become idle. */
  constructor(create: (onIdle: () => void) => Mode) {
    this.#create = create
  }

  admit(ticket: Ticket): void {
    const { key } = ticket
    const lane = this.#lane(key)
    lane.admit(ticket)
    // A closed lane drops the ticket, so that nothing will ever make it idle.
    if (this.#closedFor !== undefined && lane.occupancy().length === 0) this.#lanes.delete(key)
  }

  resume(run: ModeRun, go: () => void): void {
    this.#lane(run.key).resume(run, go)
  }

  withdraw(runId: string, key?: string): Ticket | undefined {
    if (key !== undefined) return this.#lanes.get(key)?.withdraw(runId)
    for (const lane of this.#lanes.values()) {
      const ticket = lane.withdraw(runId)
      if (ticket) return ticket
    }
    return undefined
  }

  adopt(run: ModeRun): void {
    this.#lane(run.key).adopt(run)
  }

  close(reason: string): void {
    this.#closedFor = reason
    for (const lane of [...this.#lanes.values()]) lane.close(reason)
  }

  get active(): readonly string[] {
    return [...this.#lanes.values()].flatMap((lane) => lane.active)
  }

  get queued(): number {
    let queued = 0
    for (const lane of this.#lanes.values()) queued += lane.queued
    return queued
  }

  occupancy(): readonly Occupancy[] {
    return [...this.#lanes].flatMap(([key, lane]) =>
      lane.occupancy().map((each) => (key === undefined ? each : { key, ...each })),
    )
  }

  #lane(key: string | undefined): Mode {
    let lane = this.#lanes.get(key)
    if (lane) return lane
    lane = this.#create(() => this.#lanes.delete(key))
    this.#lanes.set(key, lane)
    if (this.#closedFor !== undefined) lane.close(this.#closedFor)
    return lane
  }
}
