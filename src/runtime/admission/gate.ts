import type { DecisionDetails, ModeHost, Ticket } from '../modes/mode.js'
import type { DispatchOutcome } from '../receipts.js'

/** The outcomes that are not the start of a run. */
export type Decision = Exclude<DispatchOutcome, 'started' | 'replaced'>

/** A {@link ModeHost} that also gives the receipts of what stands in front of the modes. */
export interface AdmissionHost extends ModeHost {
  decide(ticket: Ticket, outcome: Decision, details?: DecisionDetails): void
}

/** Something in front of a mode that holds tickets back for a while. */
export interface Gate {
  admit(ticket: Ticket): void
  /** Takes a ticket out that is held back, giving no receipt. */
  withdraw(runId: string): Ticket | undefined
  /** Every ticket that is held back is `dropped` for `reason`; no timer is left. */
  close(reason: string): void
  /** Tickets that are held back. */
  readonly delayed: number
}
