import type { LogLevel, Logger } from './logger.js'

/** Writes a line. Without data nothing is handed over beside it: a console would write `undefined` behind the line. */
export function writeLog(logger: Logger, level: LogLevel, message: string, data: unknown): void {
  if (data === undefined) logger[level](message)
  else logger[level](message, data)
}
