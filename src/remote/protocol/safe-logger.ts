import { LOG_LEVELS, type Logger } from '../../core/logger.js'
import { writeLog } from '../../core/write-log.js'

/** A logger that does not throw: what happened goes on, told or not. */
export function safeLogger(logger: Logger): Logger {
  const write = (level: keyof Logger) => (message: string, data?: unknown) => {
    try {
      writeLog(logger, level, message, data)
    } catch {
      // There is nobody left to tell.
    }
  }
  return Object.fromEntries(LOG_LEVELS.map((level) => [level, write(level)])) as unknown as Logger
}
