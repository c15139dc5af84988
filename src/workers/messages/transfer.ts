const NOTHING: readonly Transferable[] = []

/** Gives back the very object it is called with, so that a class made on top of it puts its fields on that object. */
const Given = function (value: object) {
  return value
} as unknown as new (value: object) => object

/**
 * What moves with a value, as a private field of that value: nobody sees it, and neither copies nor clones have it. An entry
 * in a `WeakMap` would say the same, but takes longer than all else that is done for a buffer of any size, collections most.
 */
class TransferList extends Given {
  #list: readonly Transferable[]

  constructor(value: object, list: readonly Transferable[]) {
    super(value)
    this.#list = list
  }

  static of(value: object): readonly Transferable[] | undefined {
    return #list in value ? value.#list : undefined
  }

  static put(value: object, list: readonly Transferable[]): void {
    if (#list in value) value.#list = list
    else new TransferList(value, list)
  }
}

/** Of values that take no fields any more: engines come to refuse them private ones as well. */
const ofSealed = new WeakMap<object, readonly Transferable[]>()

/**
 * Says that these buffers and ports move to the other side with `value` instead of being copied; they are empty here
 * afterwards. For the input of a task before it is handed over, and for what a task returns.
 */
export function transfer<T extends object>(value: T, list: readonly Transferable[]): T {
  if (Object.isExtensible(value)) TransferList.put(value, list)
  else ofSealed.set(value, list)
  return value
}

/** What {@link transfer} said about a value. */
export function transferListOf(value: unknown): readonly Transferable[] {
  if (typeof value !== 'object' || value === null) return NOTHING
  return TransferList.of(value) ?? ofSealed.get(value) ?? NOTHING
}
