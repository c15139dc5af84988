import type { BusEvent } from '../../core/bus-event.js'
import { isFields } from '../../core/is-fields.js'
import type { ModeOptions } from './create-mode.js'

/** What an event writes into the state of the active run, by the rule of its mode; `undefined` for nothing. */
export function signalPatch(
  mode: ModeOptions | undefined,
  event: BusEvent,
  onFault: (error: unknown) => void,
): Readonly<Record<string, unknown>> | undefined {
  const toPatch = mode?.type === 'singleton_loop' ? mode.toPatch : undefined
  try {
    const patch: unknown = toPatch ? toPatch(event) : event.payload
    return isFields(patch) ? patch : undefined
  } catch (error) {
    onFault(error)
    return undefined
  }
}
