/**
 * Freezes the plain objects and arrays of `value`, in place, and returns it. Everything else (dates, maps, typed
 * arrays, instances of classes) is left as it is.
 *
 * Never throws, never recurses and always ends: what is frozen already is taken to be frozen all the way down, which
 * is also what stops at cycles; an object that refuses to be frozen or read (a revoked proxy, a throwing trap) is
 * left alone; a getter may be called once, but what it returns is not entered.
 */
export function deepFreeze<T>(value: T): T {
  if (!canFreeze(value)) return value
  // Made only when there is something in it: most payloads are flat.
  let pending: object[] | undefined
  for (let node: object | undefined = value; node; node = pending?.pop()) {
    try {
      pending = freezeOne(node, pending)
    } catch {
      // Refused: only proxies can do that, and they stay as they are.
    }
  }
  return value
}

function freezeOne(node: object, pending: object[] | undefined): object[] | undefined {
  const prototype: unknown = Object.getPrototypeOf(node)
  // The root of any realm's prototypes counts: data may come from another frame or vm context.
  const isPlain = prototype === null || Array.isArray(node) || Object.getPrototypeOf(prototype) === null
  if (!isPlain || Object.isFrozen(node)) return pending
  Object.freeze(node)
  for (const key of Object.keys(node)) {
    const child = readData(node, key)
    if (canFreeze(child)) (pending ??= []).push(child)
  }
  return pending
}

/** Reads a property; `undefined` for a getter. The descriptor is only asked for where there is something to enter. */
function readData(node: object, key: string): unknown {
  try {
    const child = (node as Record<string, unknown>)[key]
    return canFreeze(child) && Object.getOwnPropertyDescriptor(node, key)?.get ? undefined : child
  } catch {
    return undefined
  }
}

function canFreeze(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
