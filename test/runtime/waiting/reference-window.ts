import type { Condition, WatchDescriptor } from 'busline'

export interface PublishedEvent {
  readonly n: number
  readonly type: string
  readonly key: string | null
}

interface ReferenceWatch {
  readonly id: string
  readonly origin: 'step' | 'stage' | 'pause'
  readonly descriptor: WatchDescriptor
}

interface Kept {
  readonly event: PublishedEvent
  isSure: boolean
}

/**
 * What a run that waits must do, said as plainly as possible: no index, no subscriptions, no asynchrony. It works
 * until it is told to pause; an event, a resume or the time ends the pause, and it works again.
 */
export class ReferenceWindow {
  status: 'working' | 'paused' | 'ended' = 'working'
  /** What ended each pause: the numbers of the events, or the kind. */
  readonly causes: (readonly number[] | string)[] = []
  readonly watches: ReferenceWatch[] = []
  state: { readonly key?: string | null } = {}
  readonly #limit: number
  #now = 0
  #deadline = Infinity
  #kept: Kept[] = []
  #signals: { readonly key: string | null }[] = []
  readonly #consumed = new Set<number>()

  constructor(limit: number, stageWatch: WatchDescriptor | undefined) {
    this.#limit = limit
    if (stageWatch) this.watches.push({ id: 'stage', origin: 'stage', descriptor: stageWatch })
  }

  register(id: string, descriptor: WatchDescriptor): string {
    const same = this.watches.find(
      (each) => each.origin === 'step' && meaning(each.descriptor) === meaning(descriptor),
    )
    if (!same) this.watches.push({ id, origin: 'step', descriptor })
    return same?.id ?? id
  }

  cancel(id: string): void {
    this.#endWatch(id)
  }

  publish(event: PublishedEvent): void {
    if (this.status === 'ended' || this.#consumed.has(event.n)) return
    if (this.#kept.some((each) => each.event.n === event.n)) return
    const answer = this.#answer(event)
    if (this.status === 'paused' && this.#endBy(event)) return
    if (answer === 'never' || (this.status === 'paused' && answer === 'no')) return
    const isSure = answer === 'yes'
    if (this.#kept.length >= this.#limit && !this.#isNeeded(event)) {
      const loser = isSure ? this.#kept.findLastIndex((each) => !each.isSure) : -1
      if (loser === -1) return
      this.#kept.splice(loser, 1)
    }
    this.#kept.push({ event, isSure })
  }

  pause(until: WatchDescriptor | undefined, timeout: number, patch: object): void {
    this.state = { ...this.state, ...patch }
    this.#landSignals()
    if (until) this.watches.push({ id: 'pause', origin: 'pause', descriptor: until })
    this.status = 'paused'
    this.#deadline = this.#now + timeout
    this.#endByKept()
    this.#review()
  }

  resume(patch: object): void {
    this.#end('manual')
    this.state = { ...this.state, ...patch }
  }

  signal(patch: { readonly key: string | null }): void {
    if (this.status === 'working') return void this.#signals.push(patch)
    this.state = { ...this.state, ...patch }
    this.#endByKept()
  }

  pass(ms: number): void {
    this.#now += ms
    if (this.status === 'paused' && this.#now >= this.#deadline) this.#end('timeout')
  }

  abort(): void {
    this.#landSignals()
    this.status = 'ended'
  }

  #landSignals(): void {
    for (const patch of this.#signals.splice(0)) this.state = { ...this.state, ...patch }
  }

  #endByKept(): void {
    const kept = this.#kept
    this.#kept = []
    for (const each of kept) {
      if (this.status !== 'paused' || !this.#endBy(each.event)) this.#kept.push(each)
    }
  }

  #endBy(event: PublishedEvent): boolean {
    for (const watch of this.#awaited()) {
      if (fit(watch, event, this.state) !== 'yes') continue
      const events = this.#takenBy(watch, event)
      if (events.includes(undefined)) continue
      const numbers = events.map((each) => each!.n)
      for (const n of numbers) this.#consumed.add(n)
      this.#kept = this.#kept.filter((each) => !numbers.includes(each.event.n))
      this.#end(numbers)
      return true
    }
    return false
  }

  #takenBy(watch: ReferenceWatch, event: PublishedEvent): readonly (PublishedEvent | undefined)[] {
    if (watch.descriptor.mode !== 'all') return [event]
    const candidates = [...this.#kept.map((each) => each.event), event]
    return typesOf(watch).map((type) =>
      candidates.find((each) => each.type === type && fit(watch, each, this.state) === 'yes'),
    )
  }

  #isNeeded(event: PublishedEvent): boolean {
    if (this.status !== 'paused') return false
    return this.#awaited().some(
      (watch) => fit(watch, event, this.state) === 'yes' && this.#takenBy(watch, event).includes(event),
    )
  }

  #end(cause: readonly number[] | string): void {
    this.causes.push(cause)
    this.status = 'working'
    this.#deadline = Infinity
    this.#endWatch('pause')
  }

  #endWatch(id: string): void {
    const index = this.watches.findIndex((watch) => watch.id === id)
    if (index === -1) return
    this.watches.splice(index, 1)
    this.#review()
  }

  /** The pause decides on what was kept for it; what is for others is left to them. */
  #review(): void {
    const awaited = this.status === 'paused' ? this.#awaited() : []
    this.#kept = this.#kept.filter(({ event }) =>
      this.watches.some((watch) => !refuses(fit(watch, event, this.state), awaited.includes(watch))),
    )
    for (const each of this.#kept) each.isSure ||= this.#answer(each.event) === 'yes'
  }

  #awaited(): readonly ReferenceWatch[] {
    const by = (origin: string) => this.watches.filter((watch) => watch.origin === origin)
    return [by('pause'), by('stage'), by('step')].find((watches) => watches.length > 0) ?? []
  }

  /** The most favourable answer of all watches. */
  #answer(event: PublishedEvent): Fit {
    const answers = this.watches.map((watch) => fit(watch, event, this.state))
    return (['yes', 'open', 'no'] as const).find((each) => answers.includes(each)) ?? 'never'
  }
}

type Fit = 'yes' | 'open' | 'no' | 'never'

const refuses = (answer: Fit, isFinal: boolean) => answer === 'never' || (answer === 'no' && isFinal)
const typesOf = ({ descriptor: { event, events } }: ReferenceWatch) =>
  event === undefined ? events! : [event]

function fit(watch: ReferenceWatch, { type, key }: PublishedEvent, state: ReferenceWindow['state']): Fit {
  if (!typesOf(watch).includes(type)) return 'never'
  const answers = (watch.descriptor.conditions ?? []).map(({ op, value, valueFrom }: Condition): Fit => {
    if (valueFrom !== undefined && !('key' in state)) return 'open'
    const wanted = valueFrom === undefined ? value : state.key
    if ((op === '==') === (key === wanted)) return 'yes'
    return valueFrom === undefined ? 'never' : 'no'
  })
  return (['never', 'no', 'open'] as const).find((each) => answers.includes(each)) ?? 'yes'
}

/** The same for descriptors that say the same: `{ event: 'a' }` and `{ events: ['a'], mode: 'any' }`. */
function meaning({ event, events, mode = 'any', conditions = [], assign = {} }: WatchDescriptor): string {
  return JSON.stringify([event === undefined ? events : [event], mode, conditions, assign])
}
