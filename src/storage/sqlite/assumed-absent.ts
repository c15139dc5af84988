import type { CheckedCommit } from '../check-operations.js'

/**
 * Keys that commits of a group expect to be absent and put themselves. They need not be read: when nothing of the group is
 * refused, each is inserted, which fails if it was there after all.
 */
export function assumedAbsent(commits: readonly CheckedCommit<unknown>[]): ReadonlySet<string> {
  let keys: Set<string> | undefined
  for (const { expectations, writes } of commits) {
    for (const { key, equals } of expectations) {
      if (equals !== undefined) continue
      if (writes.some((write) => write.type === 'put' && write.key === key)) (keys ??= new Set()).add(key)
    }
  }
  if (!keys) return NONE
  // What is deleted by the same group may have been there.
  for (const { writes } of commits) {
    for (const write of writes) {
      if (write.type === 'deletePrefix') return NONE
      if (write.type === 'delete') keys.delete(write.key)
    }
  }
  return keys
}

const NONE: ReadonlySet<string> = new Set()
