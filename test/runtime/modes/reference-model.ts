import type { ModeOptions } from '../../../src/runtime/modes/create-mode.js'

interface Arrival {
  readonly id: string
  readonly priority: number
}

/**
 * What a mode must do, for one key, in as few lines as possible: `active` holds the slots, `waiting` and `resuming` wait
 * for one. Everything happens at once; there are no promises here.
 */
export class ReferenceLane {
  readonly trace: string[]
  readonly options: ModeOptions
  active: string[] = []
  waiting: Arrival[] = []
  resuming: string[] = []
  readonly aborted = new Set<string>()
  closed = false

  constructor(options: ModeOptions, trace: string[]) {
    this.options = options
    this.trace = trace
  }

  get slots(): number {
    return this.options.type === 'transient' ? (this.options.concurrency ?? 10) : 1
  }

  arrive(arrival: Arrival): void {
    const { options } = this
    const say = (outcome: string, id = arrival.id) => this.trace.push(`${id} ${outcome}`)
    if (this.closed) say('dropped')
    else if (this.active.length < this.slots) this.start(arrival, 'started')
    else if (options.type === 'transient' || options.type === 'serialized') {
      if (this.waiting.length >= (options.capacity ?? Infinity)) return void say('dropped')
      this.waiting.push(arrival)
      say('queued')
    } else if (options.onBusy === 'queue_single' || options.onBusy === 'replace') {
      const earlier = this.waiting.pop()
      this.waiting.push(arrival)
      say('queued')
      if (earlier) say('superseded', earlier.id)
      if (options.onBusy === 'replace') this.aborted.add(this.active[0]!)
    } else if (options.onBusy === 'signal') say('signalled')
    else say(options.type === 'exclusive' ? 'rejected' : 'dropped')
  }

  start(arrival: Arrival, outcome: string): void {
    this.active.push(arrival.id)
    this.trace.push(`${arrival.id} ${outcome}`)
  }

  /** A leg is over that gives its slot back. */
  free(id: string): void {
    this.active.splice(this.active.indexOf(id), 1)
    while (this.active.length < this.slots && this.resuming.length > 0)
      this.active.push(this.resuming.shift()!)
    while (this.active.length < this.slots && this.waiting.length > 0) {
      const first = Math.max(...this.waiting.map(({ priority }) => priority))
      const index = this.waiting.findIndex(({ priority }) => priority === first)
      const [next] = this.waiting.splice(index, 1)
      const isReplaced = this.options.type === 'singleton_loop' && this.aborted.has(id)
      this.start(next!, isReplaced ? 'replaced' : 'started')
    }
  }

  /** Only in `transient`; elsewhere a paused run has kept its slot. */
  resume(id: string): void {
    if (this.active.length < this.slots && this.resuming.length === 0) this.active.push(id)
    else this.resuming.push(id)
  }

  withdraw(id: string): boolean {
    const index = this.waiting.findIndex((each) => each.id === id)
    if (index >= 0) this.waiting.splice(index, 1)
    return index >= 0
  }

  close(): void {
    this.closed = true
    // `waiting` is in the order of arrival; who waits is dropped in the order in which it would have started.
    const inOrder = [...this.waiting].sort((one, other) => other.priority - one.priority)
    for (const { id } of inOrder) this.trace.push(`${id} dropped`)
    this.waiting = []
  }
}
