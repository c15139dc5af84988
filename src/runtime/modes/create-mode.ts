import { type Issue, SystemError } from '../../core/system-error.js'
import { ExclusiveMode, type ExclusiveModeOptions } from './exclusive-mode.js'
import type { Mode, ModeHost } from './mode.js'
import { type Rules, callback, oneOf, optional, validateOptions, wholeFrom } from './option-rules.js'
import { SerializedMode, type SerializedModeOptions } from './serialized-mode.js'
import { SingletonLoopMode, type SingletonLoopModeOptions } from './singleton-loop-mode.js'
import { TransientMode, type TransientModeOptions } from './transient-mode.js'

/** How concurrent events of one registration are admitted. @default { type: 'transient' } */
export type ModeOptions =
  TransientModeOptions | SerializedModeOptions | SingletonLoopModeOptions | ExclusiveModeOptions

/**
 * The mode that the options ask for; check them with {@link validateModeOptions} first.
 *
 * @param onIdle Called whenever nothing is active and nothing waits any more.
 * @throws {SystemError} `VALIDATION` when there is no mode of that type.
 */
export function createMode(
  options: ModeOptions = { type: 'transient' },
  host: ModeHost,
  onIdle?: () => void,
): Mode {
  switch (options.type) {
    case 'transient':
      return new TransientMode(options, host, onIdle)
    case 'serialized':
      return new SerializedMode(options, host, onIdle)
    case 'singleton_loop':
      return new SingletonLoopMode(options, host, onIdle)
    case 'exclusive':
      return new ExclusiveMode(options, host, onIdle)
    default:
      throw new SystemError('VALIDATION', `Cannot make a mode: its type ${anyMode.demand}`)
  }
}

const capacity = optional(wholeFrom(0))

const RULES: Readonly<Record<ModeOptions['type'], Rules>> = {
  transient: { concurrency: optional(wholeFrom(1)), capacity },
  serialized: { capacity },
  singleton_loop: { onBusy: optional(oneOf('drop', 'signal', 'replace')), toPatch: optional(callback) },
  exclusive: { onBusy: optional(oneOf('reject', 'queue_single')) },
}

const anyMode = oneOf(...Object.keys(RULES))

/**
 * Every fault of what is meant to be {@link ModeOptions}; none when it is.
 *
 * @param path Where it stands, for the issues.
 */
export function validateModeOptions(options: unknown, path = 'mode'): Issue[] {
  const type = (options as ModeOptions | null | undefined)?.type
  return anyMode.isMet(type)
    ? validateOptions(options, { type: anyMode, ...RULES[type!] }, path)
    : [{ path: `${path}.type`, message: anyMode.demand }]
}
