import { SystemError } from '../../core/system-error.js'
import { makeFolderOf } from './make-folder.js'

export type SqliteValue = string | number | Uint8Array | null

/** The part of a prepared statement that is used: values one by one or, where the engine takes that, in one array. */
export interface SqliteStatement {
  run(...values: SqliteValue[] | [SqliteValue[]]): unknown
  get(...values: SqliteValue[] | [SqliteValue[]]): unknown
  all(...values: SqliteValue[] | [SqliteValue[]]): unknown[]
  /** Whether a row is an array from now on. `node:sqlite` has none of this name. */
  raw?(isRaw: boolean): unknown
}

/** The part of a database that is used: what `better-sqlite3`, `libsql` and `DatabaseSync` of `node:sqlite` have in common. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}

/** In the order in which they are tried. */
export const SQLITE_ENGINES = ['node:sqlite', 'libsql', 'better-sqlite3'] as const
export type SqliteEngine = (typeof SQLITE_ENGINES)[number]

type DatabaseClass = new (file: string) => SqliteDatabase

/**
 * Opens a file with the first engine there is; the folder it lies in is made when it is missing.
 *
 * @throws {SystemError} `UNAVAILABLE` when there is no engine.
 */
export async function openSqliteDatabase(
  file: string,
  engines: readonly SqliteEngine[] = SQLITE_ENGINES,
): Promise<SqliteDatabase> {
  const Database = await loadEngine(engines)
  if (file !== ':memory:' && file !== '') await makeFolderOf(file)
  return new Database(file)
}

async function loadEngine(engines: readonly SqliteEngine[]): Promise<DatabaseClass> {
  let cause: unknown
  for (const engine of engines) {
    try {
      const found = engine === 'node:sqlite' ? loadBuiltIn() : await loadPeer(engine)
      if (found) return found
    } catch (error) {
      // One that is installed but cannot be loaded says more than one that is missing.
      if (cause === undefined || !isMissing(error)) cause = error
    }
  }
  throw new SystemError(
    'UNAVAILABLE',
    'Cannot open SQLite storage: install the package libsql (or better-sqlite3), run on Node 22.13 or later, or pass `database`',
    { cause, context: { engines } },
  )
}

/** `undefined` where this Node has none; asked for in this way, a bundler does not stumble over it either. */
function loadBuiltIn(): DatabaseClass | undefined {
  const { getBuiltinModule } = process as { getBuiltinModule?: (id: string) => unknown }
  const sqlite = getBuiltinModule?.('node:sqlite') as { DatabaseSync?: DatabaseClass } | undefined
  return sqlite?.DatabaseSync
}

async function loadPeer(name: string): Promise<DatabaseClass> {
  // Not a literal: a compiler or bundler must not ask for a package that is optional.
  const { default: Database } = (await import(/* @vite-ignore */ name)) as { default: DatabaseClass }
  return Database
}

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_MODULE_NOT_FOUND'
}
