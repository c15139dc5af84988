import { describe, isSystemError, SystemError } from '../../core/system-error.js'

/** Primary result codes of SQLite that are told apart, by number for `node:sqlite`, by name for the others. */
const NAMES: Record<number, string> = {
  5: 'BUSY',
  6: 'LOCKED',
  8: 'READONLY',
  10: 'IOERR',
  11: 'CORRUPT',
  13: 'FULL',
  14: 'CANTOPEN',
  19: 'CONSTRAINT',
  26: 'NOTADB',
}

const ADVICE: Record<string, readonly [reason: string, advice: string]> = {
  BUSY: ['busy', 'another process holds its lock for too long'],
  LOCKED: ['busy', 'another process holds its lock for too long'],
  READONLY: ['read-only', 'make the file and its folder writable'],
  IOERR: ['io', 'check the disk'],
  CORRUPT: ['damaged', 'the file is damaged, restore it from a backup'],
  NOTADB: ['damaged', 'the file is not an SQLite database, or damaged'],
  FULL: ['full', 'free some space on the disk'],
  CANTOPEN: ['unreachable', 'check the path and its permissions'],
}

/** `BUSY`, `FULL`, … of an error that SQLite gave, through whichever engine; `undefined` for any other. */
export function sqliteCode(error: unknown): string | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown }
  if (typeof errcode === 'number') return NAMES[errcode & 0xff] ?? 'ERROR'
  return typeof code === 'string' ? /^SQLITE_([A-Z]+)/.exec(code)?.[1] : undefined
}

export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === 'BUSY' || code === 'LOCKED'
}

/** Whether a part of the file cannot be read. Engines throw errors of their own for text that is no longer UTF-8. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === 'CORRUPT' || code === undefined
}

/** The `STORAGE` error for whatever an engine threw. */
export function sqliteError(error: unknown, file: string, isOutcomeUnknown = false): SystemError {
  if (isSystemError(error)) return error
  const [reason, advice] = ADVICE[sqliteCode(error) ?? ''] ?? ['engine', describe(error)]
  return new SystemError('STORAGE', `Cannot use the SQLite file "${file}": ${advice}`, {
    cause: error,
    context: { file, reason, isOutcomeUnknown },
  })
}
