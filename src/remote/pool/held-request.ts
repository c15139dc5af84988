import { Linked } from '../../core/linked-list.js'

/** A request in hand of a worker. */
export class HeldRequest<Holder> extends Linked {
  readonly requestId: string
  readonly holder: Holder
  readonly category: string | undefined

  constructor(requestId: string, holder: Holder, category: string | undefined) {
    super()
    this.requestId = requestId
    this.holder = holder
    this.category = category
  }
}
