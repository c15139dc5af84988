const lists = new WeakMap<object, readonly Transferable[]>()

/**
 * Says that these buffers and ports move to the other side with `value` instead of being copied; they are empty here
 * afterwards. For the input of a task before it is handed over, and for what a task returns.
 */
export function transfer<T extends object>(value: T, list: readonly Transferable[]): T {
  lists.set(value, list)
  return value
}

/** What {@link transfer} said about a value. */
export function transferListOf(value: unknown): readonly Transferable[] {
  return (typeof value === 'object' && value !== null && lists.get(value)) || []
}
