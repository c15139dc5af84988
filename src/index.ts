export { type Clock, systemClock } from './core/clock.js'
export { type Duration, toMs } from './core/duration.js'
export { type IdSource } from './core/ids.js'
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorContext,
  type Issue,
  SystemError,
  type SystemErrorOptions,
  type SerializedError,
  isSystemError,
  reviveError,
  serializeError,
} from './core/system-error.js'
