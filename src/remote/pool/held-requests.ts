/** A request in hand of a worker. */
export interface HeldRequest<Holder> {
  readonly requestId: string
  readonly holder: Holder
  readonly category: string | undefined
  before: HeldRequest<Holder> | undefined
  after: HeldRequest<Holder> | undefined
}

/** What one worker has in hand, in the order in which it came; in and out of it leads no search. */
export class HeldRequests<Holder> {
  #first: HeldRequest<Holder> | undefined
  #last: HeldRequest<Holder> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  add(requestId: string, holder: Holder, category: string | undefined): HeldRequest<Holder> {
    const request: HeldRequest<Holder> = { requestId, holder, category, before: this.#last, after: undefined }
    if (this.#last) this.#last.after = request
    else this.#first = request
    this.#last = request
    this.#size++
    return request
  }

  /** Must be one of these. It points at no other afterwards: one that has grown old would hold young ones. */
  remove(request: HeldRequest<Holder>): void {
    const { before, after } = request
    if (before) before.after = after
    else this.#first = after
    if (after) after.before = before
    else this.#last = before
    request.before = undefined
    request.after = undefined
    this.#size--
  }

  ids(): string[] {
    const ids: string[] = []
    for (let request = this.#first; request; request = request.after) ids.push(request.requestId)
    return ids
  }
}
