/** What stands at a path. A field that holds `null` or `undefined` is present. */
export type PathValue = { readonly isPresent: true; readonly value: unknown } | { readonly isPresent: false }

const ABSENT: PathValue = { isPresent: false }

/** Reads own properties only, so that a path never leads into a prototype. */
export function readPath(root: unknown, path: string): PathValue {
  let value = root
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return ABSENT
    value = (value as Record<string, unknown>)[key]
  }
  return { isPresent: true, value }
}

/** Writes into a draft, making the objects that are missing on the way. What is not an object on the way is replaced. */
export function writePath(root: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.')
  const last = keys.pop()!
  let target = root
  for (const key of keys) {
    const next = Object.hasOwn(target, key) ? target[key] : undefined
    if (typeof next !== 'object' || next === null) target[key] = {}
    target = target[key] as Record<string, unknown>
  }
  target[last] = value
}

/** Says whether a dotted path is well formed and leads nowhere it must not. */
export function isStatePath(path: unknown): path is string {
  return (
    typeof path === 'string' &&
    path.split('.').every((key) => key !== '' && !['__proto__', 'constructor', 'prototype'].includes(key))
  )
}
