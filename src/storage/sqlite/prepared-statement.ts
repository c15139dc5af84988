import type { EngineTraits } from './engine-traits.js'
import type { SqliteDatabase, SqliteStatement, SqliteValue } from './sqlite-database.js'

/**
 * A statement that goes on after a failure. libsql does not reset one whose `get` failed: it keeps its values, so that each later
 * `get` fails in the same way or answers for the old values, and it counts as in progress. `all` and `run` reset it first, so
 * one that has failed is called by these. `get` after `run` takes the old values as well, so that there is no way back.
 */
export class PreparedStatement {
  readonly #statement: SqliteStatement
  readonly #traits: EngineTraits
  #hasFailed = false
  #isRaw = false

  constructor(database: SqliteDatabase, sql: string, traits: EngineTraits) {
    this.#statement = database.prepare(sql)
    this.#traits = traits
  }

  /** The first row; `undefined` or `null` when there is none. */
  get(values: SqliteValue[] = []): unknown {
    return this.#hasFailed ? this.all(values)[0] : this.#call('get', values)
  }

  /** The first field of the one row there is, without an object made of it where the engine can do without. */
  value(): unknown {
    if (!this.#isRaw) this.#statement.raw?.(true)
    this.#isRaw = true
    const row = this.get()
    return Array.isArray(row) ? row[0] : Object.values(row as object)[0]
  }

  /** All rows. */
  all(values: SqliteValue[]): unknown[] {
    return this.#call('all', values) as unknown[]
  }

  write(values: SqliteValue[]): void {
    this.#call(this.#traits.getWrites && !this.#hasFailed ? 'get' : 'run', values)
  }

  #call(method: 'get' | 'all' | 'run', values: SqliteValue[]): unknown {
    try {
      return this.#traits.takesArrays ? this.#statement[method](values) : this.#statement[method](...values)
    } catch (error) {
      this.#hasFailed = true
      throw error
    }
  }
}
