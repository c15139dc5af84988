/** What can be in a {@link LinkedList}: it knows its neighbours, so it is in one list at most. */
export class Linked {
  isListed = false
  before: this | undefined
  after: this | undefined
}

/**
 * Members in the order in which they came, any of which may leave at any time.
 *
 * For what comes and goes with every run. A `Set` or `Map` would keep it: each table that V8 outgrows or rebuilds points at
 * the next, so one that has become old holds all that passed through its successors until the next full collection, and
 * young collections copy everything again and again. Who leaves this list is held by nothing, and holds nothing.
 */
export class LinkedList<Member extends Linked> {
  #first: Member | undefined
  #last: Member | undefined
  #size = 0

  /** The one that came first; the next is `after` it. */
  get first(): Member | undefined {
    return this.#first
  }

  get size(): number {
    return this.#size
  }

  /** Puts it at the end; one that is here stays where it is. */
  add(member: Member): void {
    if (member.isListed) return
    member.isListed = true
    member.before = this.#last
    if (this.#last) this.#last.after = member
    else this.#first = member
    this.#last = member
    this.#size++
  }

  delete(member: Member): void {
    if (!member.isListed) return
    member.isListed = false
    const { before, after } = member
    if (before) before.after = after
    else this.#first = after
    if (after) after.before = before
    else this.#last = before
    member.before = undefined
    member.after = undefined
    this.#size--
  }

  /** Those that are here now. The list may change while they are gone through. */
  toArray(): Member[] {
    const members: Member[] = []
    for (let member = this.#first; member; member = member.after) members.push(member)
    return members
  }
}
