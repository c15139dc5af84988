import { type CheckedCommit, checkExpectation } from './check-operations.js'
import { isSystemError, type SystemError } from '../core/system-error.js'

/** What a group of commits comes down to: apply `deletedPrefixes` first, then `records` in any order. */
export interface FoldedCommits<Value> {
  /** Per commit: why it is refused, or `undefined`. */
  readonly outcomes: readonly (SystemError | undefined)[]
  readonly deletedPrefixes: readonly string[]
  /** What to put at each key; `undefined` deletes it. */
  readonly records: ReadonlyMap<string, Value | undefined>
}

/**
 * Works out what applying `commits` one after the other would leave, so that a driver writes it in one go. Each is
 * judged by the state the ones before it leave; one that is refused leaves nothing, and does not touch the others.
 *
 * @param read The value stored at a key before the group. Only called for keys that commits have expectations on.
 * @param reveal The value that an encoded one stands for.
 */
export function foldCommits<Value>(
  commits: readonly CheckedCommit<Value>[],
  read: (key: string) => unknown,
  reveal: (encoded: Value) => unknown,
): FoldedCommits<Value> {
  const records = new Map<string, Value | undefined>()
  const prefixes: string[] = []
  /** Keys of `records` that are put, from the first deleted prefix on: it looks through these, not through what is deleted. */
  let puts: Set<string> | undefined

  const current = (key: string): unknown => {
    const encoded = records.get(key)
    if (encoded !== undefined) return reveal(encoded)
    const isDeleted = records.has(key) || prefixes.some((prefix) => key.startsWith(prefix))
    return isDeleted ? undefined : read(key)
  }

  const judge = ({ expectations }: CheckedCommit<Value>): SystemError | undefined => {
    try {
      for (const expectation of expectations) {
        const conflict = checkExpectation(expectation, current(expectation.key))
        if (conflict) return conflict
      }
      return undefined
    } catch (error) {
      if (isSystemError(error)) return error
      throw error
    }
  }

  const outcomes = commits.map((commit) => {
    const refusal = judge(commit)
    if (refusal) return refusal
    for (const write of commit.writes) {
      if (write.type === 'deletePrefix') {
        puts ??= new Set(Array.from(records.keys()).filter((key) => records.get(key) !== undefined))
        for (const key of puts) {
          if (!key.startsWith(write.prefix)) continue
          puts.delete(key)
          records.delete(key)
        }
        prefixes.push(write.prefix)
      } else if (write.type === 'put') {
        puts?.add(write.key)
        records.set(write.key, write.value)
      } else {
        puts?.delete(write.key)
        records.set(write.key, undefined)
      }
    }
    return undefined
  })
  return { outcomes, deletedPrefixes: prefixes, records }
}
