import type { BusEvent } from '../core/bus-event.js'
import type { AdmissionOptions } from './admission/admission-options.js'
import type { ModeOptions } from './modes/create-mode.js'
import type { RunHooks } from './run-hooks.js'

/** How the events of a workflow are admitted, and who is told. */
export interface RegistrationOptions extends AdmissionOptions, RunHooks {
  /** @default { type: 'transient' } */
  readonly mode?: ModeOptions
  /** Makes mode and gates apply per key. What it throws gives the receipt `invalid`. @default one for the whole workflow */
  readonly key?: (event: BusEvent) => string | undefined
  /** Higher goes first among the events that wait. @default 0 for all */
  readonly priority?: (event: BusEvent) => number
}
