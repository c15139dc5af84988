import type { BusEvent } from '../core/bus-event.js'
import type { SystemError } from '../core/system-error.js'
import type { Change } from '../state/change.js'
import type { LedgerEntry } from './checkpoint.js'

/** What a stage came to, before its router is asked. */
export type StageOutcome = StageSuccess | StageFailure

export interface StageSuccess {
  readonly ok: true
  readonly change: Change | undefined
  /** What the router sees. */
  readonly results: Readonly<Record<string, unknown>>
  readonly events: readonly BusEvent[]
  readonly ledger: readonly LedgerEntry[]
}

export interface StageFailure {
  readonly ok: false
  readonly error: SystemError
  /** Whether it asks for a person rather than for failure. */
  readonly parks: boolean
  /** What children committed before the stage failed. */
  readonly ledger: readonly LedgerEntry[]
}
