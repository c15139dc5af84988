import type { TimerHandle } from '../core/clock.js'
import type { SystemError } from '../core/system-error.js'
import type { RecoveryReport } from './durable/durability.js'
import type { Registration } from './registration.js'
import type { RuntimeContext } from './runtime-context.js'

/**
 * When a runtime goes on with what others left: before a registration takes anything new, when it is asked to, when an
 * owner is seen to go, and again from time to time as long as others own some.
 */
export class Recoveries {
  readonly #context: RuntimeContext
  readonly #registrations: () => Iterable<Registration>
  #timer: TimerHandle
  /** How many workflows are being registered. */
  #registering = 0
  #receiving: { readonly open: () => void; readonly refuse: (reason: SystemError) => void }[] = []
  #receivingTimer: TimerHandle
  #isClosed = false

  constructor(context: RuntimeContext, registrations: () => Iterable<Registration>) {
    this.#context = context
    this.#registrations = registrations
  }

  /** What recovered runs left in the outbox waits meanwhile for those who may receive it. */
  async whileRegistering(register: () => Promise<void>): Promise<void> {
    this.#registering++
    try {
      await register()
    } finally {
      this.#registering--
      this.#openReceiving()
    }
  }

  /** Resolves when no workflow is being registered any more. */
  whenRegistered(): Promise<void> {
    return new Promise((open, refuse) => {
      this.#receiving.push({ open, refuse })
      this.#openReceiving()
    })
  }

  /** What was left by processes that are gone comes before anything new. */
  async first(registration: Registration): Promise<void> {
    this.#again(await this.#recover(registration))
  }

  async #recover(registration: Registration): Promise<RecoveryReport> {
    const report = await registration.durability!.recover(registration)
    const parked = registration.isClosed ? [] : report.parked.map(({ runId }) => runId)
    this.#context.runs.keepParked(registration.id, new Set(parked))
    return report
  }

  async all(): Promise<RecoveryReport> {
    const reports: RecoveryReport[] = []
    for (const registration of this.#registrations()) {
      if (registration.durability) reports.push(await this.#recover(registration))
    }
    const report = {
      recovered: reports.flatMap((each) => each.recovered),
      owned: reports.flatMap((each) => each.owned),
      parked: reports.flatMap((each) => each.parked),
    }
    this.#again(report)
    return report
  }

  /** An owner has gone. */
  now(): void {
    if (!this.#isClosed) this.#look({ recovered: [], owned: [], parked: [] })
  }

  close(reason: SystemError): void {
    const { clock } = this.#context
    this.#isClosed = true
    clock.clearTimeout(this.#timer)
    clock.clearTimeout(this.#receivingTimer)
    for (const { refuse } of this.#receiving.splice(0)) refuse(reason)
  }

  /** On a timer, so that an application that registers one workflow after the other has registered all. */
  #openReceiving(): void {
    const { clock } = this.#context
    clock.clearTimeout(this.#receivingTimer)
    if (this.#registering > 0 || this.#receiving.length === 0) return
    this.#receivingTimer = clock.setTimeout(() => {
      for (const { open } of this.#receiving.splice(0)) open()
    }, 0)
  }

  /** Looks again, as long as there are runs that others own, or that could not be read: either may pass. */
  #again(report: RecoveryReport): void {
    const { clock, durability } = this.#context
    const { owned, parked } = report
    const mayPass = owned.length > 0 || parked.some(({ error }) => error.code === 'STORAGE')
    if (this.#isClosed || !mayPass) return
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(() => this.#look(report), durability!.ownership.ttlMs)
  }

  /** @param report What there was before. */
  #look(report: RecoveryReport): void {
    this.all().catch((error: unknown) => {
      this.#context.report(error, 'Recovering runs')
      this.#again(report)
    })
  }
}
