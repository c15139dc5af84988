interface Entry<Value> {
  readonly id: string
  value: Value
  /** The next of the same bucket. */
  next: Entry<Value> | undefined
  /** In the order in which they came. */
  before: Entry<Value> | undefined
  after: Entry<Value> | undefined
}

const FEWEST_BUCKETS = 16

/**
 * What is there for a moment, by its id: requests that come and go by the ten thousand.
 *
 * A `Map` would keep them: each table that V8 outgrows or rebuilds points at the next, so one that has become old holds
 * all that passed through its successors until the next full collection. Young collections then copy everything again and
 * again, which showed as pauses of ten milliseconds. An entry that leaves this map is held by nothing.
 *
 * In the order in which they came. Not for ids that an enemy chooses: the hash has no secret.
 */
export class IdMap<Value> {
  /** A power of two. Made with the first entry: most workers are idle. */
  #buckets: (Entry<Value> | undefined)[] = []
  #first: Entry<Value> | undefined
  #last: Entry<Value> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  has(id: string): boolean {
    return this.#find(id) !== undefined
  }

  get(id: string): Value | undefined {
    return this.#find(id)?.value
  }

  set(id: string, value: Value): void {
    const code = hash(id)
    const found = this.#find(id, code)
    if (found) {
      found.value = value
      return
    }
    if (this.#size >= this.#buckets.length) this.#grow()
    const index = code & (this.#buckets.length - 1)
    const before = this.#last
    const entry: Entry<Value> = { id, value, next: this.#buckets[index], before, after: undefined }
    this.#buckets[index] = entry
    if (before) before.after = entry
    else this.#first = entry
    this.#last = entry
    this.#size++
  }

  delete(id: string): boolean {
    return this.#cut(id) !== undefined
  }

  /** Deletes it and returns what it was. */
  take(id: string): Value | undefined {
    return this.#cut(id)?.value
  }

  /** Deletes the one that came first. */
  shift(): void {
    if (this.#first) this.#cut(this.#first.id)
  }

  clear(): void {
    this.#buckets = []
    this.#first = undefined
    this.#last = undefined
    this.#size = 0
  }

  ids(): string[] {
    const ids: string[] = []
    for (let entry = this.#first; entry; entry = entry.after) ids.push(entry.id)
    return ids
  }

  values(): Value[] {
    const values: Value[] = []
    for (let entry = this.#first; entry; entry = entry.after) values.push(entry.value)
    return values
  }

  entries(): [id: string, value: Value][] {
    const entries: [string, Value][] = []
    for (let entry = this.#first; entry; entry = entry.after) entries.push([entry.id, entry.value])
    return entries
  }

  #find(id: string, code = hash(id)): Entry<Value> | undefined {
    if (this.#size === 0) return undefined
    let entry = this.#buckets[code & (this.#buckets.length - 1)]
    while (entry && entry.id !== id) entry = entry.next
    return entry
  }

  #cut(id: string): Entry<Value> | undefined {
    if (this.#size === 0) return undefined
    const index = hash(id) & (this.#buckets.length - 1)
    let previous: Entry<Value> | undefined
    let entry = this.#buckets[index]
    while (entry && entry.id !== id) {
      previous = entry
      entry = entry.next
    }
    if (!entry) return undefined
    if (previous) previous.next = entry.next
    else this.#buckets[index] = entry.next
    this.#unlink(entry)
    this.#size--
    return entry
  }

  /** An entry that has left points at no other: an old one would hold young ones. */
  #unlink(entry: Entry<Value>): void {
    if (entry.before) entry.before.after = entry.after
    else this.#first = entry.after
    if (entry.after) entry.after.before = entry.before
    else this.#last = entry.before
    entry.next = undefined
    entry.before = undefined
    entry.after = undefined
  }

  #grow(): void {
    const length = Math.max(FEWEST_BUCKETS, this.#buckets.length * 2)
    this.#buckets = new Array<Entry<Value> | undefined>(length).fill(undefined)
    for (let entry = this.#first; entry; entry = entry.after) {
      const index = hash(entry.id) & (length - 1)
      entry.next = this.#buckets[index]
      this.#buckets[index] = entry
    }
  }
}

function hash(id: string): number {
  let code = id.length
  for (let index = 0; index < id.length; index++) code = (Math.imul(code, 31) + id.charCodeAt(index)) | 0
  return code ^ (code >>> 15)
}
