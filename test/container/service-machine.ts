import { ArtifactContainer } from '../../src/container/artifact-container.js'
import type { FactoryContext, ServiceScope } from '../../src/container/artifact-template.js'
import { simulatedClock } from '../../src/testing/index.js'

/** What one call of a factory does; a factory takes one after the other, round and round. */
export interface Call {
  /** Which keys it asks for. */
  readonly needs: readonly number[]
  /** How long it works before and after it opens what it has to clean up. */
  readonly before: number
  readonly after: number
  readonly end: 'value' | 'throw' | 'hang' | 'stream'
  readonly cleanup: 'quick' | 'slow' | 'throw'
  /** Whether it knows of its end by its signal alone. */
  readonly bySignal: boolean
}

export interface Behaviour {
  readonly scope: ServiceScope
  readonly lazy: boolean
  readonly retries: number
  readonly maxInstances: number
  readonly calls: readonly Call[]
}

/** What a call of a factory has opened. */
export interface Opened {
  readonly place: string
  readonly home: string
  /** Whether it counts as the one instance of its place: not so if it is transient, or was opened when already given up. */
  readonly isOne: boolean
  readonly from: Set<Opened>
  isClosing: boolean
  /** Whether that began so long ago that nobody may be handed it any more. */
  isStale: boolean
  closed: number
}

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

/** Containers whose services watch over what they promise one another, and what went wrong. */
export class ServiceMachine {
  readonly clock = simulatedClock()
  readonly faults: string[] = []
  readonly opened: Opened[] = []
  /** The containers whose disposal has resolved. */
  readonly gone = new Set<string>()
  readonly #working = new Map<string, number>()
  readonly #pending = new Map<string, Promise<unknown>>()
  #calls = 0

  container(name: string): ArtifactContainer {
    const { clock } = this
    return new ArtifactContainer({ clock, logger: quiet, name, state: { getState: () => name } })
  }

  /** A child of `parent`, known to its services by its name. */
  inside(parent: ArtifactContainer, level: 'workflow' | 'run' | undefined, name: string): ArtifactContainer {
    const options = { name, state: { getState: () => name } }
    return level ? parent.scope(level, options) : parent.extend([], options)
  }

  register(container: ArtifactContainer, owner: string, key: string, behaviour: Behaviour): void {
    const { scope, lazy, retries, maxInstances, calls } = behaviour
    let count = 0
    const factory = (context: FactoryContext) => {
      const home = scope === 'workflow' ? owner : this.#homeOf(context, owner)
      return this.#build(calls[count++ % calls.length]!, context, home, `${owner}/${key}`, scope)
    }
    container.register({ key, scope, lazy, retries, retryDelay: 2, maxInstances, timeout: 40, factory })
  }

  /** Something that must settle. */
  call<Value>(what: string, promise: Promise<Value>): Promise<Value> {
    const name = `${what} (${this.#calls++})`
    this.#pending.set(name, promise)
    const done = () => this.#pending.delete(name)
    promise.then(done, done)
    return promise
  }

  /** Asks for a service and looks at what it got. */
  ask(container: ArtifactContainer, key: string, params: unknown): void {
    void this.call(`require ${key}`, container.require<Opened>(key, params)).then(
      (value) => this.#receive(value, key),
      () => {},
    )
  }

  invalidate(container: ArtifactContainer, key: string): void {
    const open = container.peek<Opened>(key)
    void this.call(`invalidate ${key}`, container.invalidate(key)).then(
      () => {
        if (open?.closed === 0) this.faults.push(`invalidate() did not wait for ${open.place}`)
      },
      () => {},
    )
  }

  dispose(container: ArtifactContainer, isInside: (home: string) => boolean): void {
    void this.call('dispose', container.dispose()).then(() => {
      for (const { home, place, closed } of this.opened) {
        if (isInside(home) && closed === 0) this.faults.push(`dispose() left ${place} open`)
      }
      for (const [home, count] of this.#working) {
        if (isInside(home) && count > 0) this.faults.push(`dispose() left a factory of ${home} at work`)
      }
    })
  }

  async rest(): Promise<void> {
    await this.clock.advance('5m')
    for (const name of this.#pending.keys()) this.faults.push(`${name} never settled`)
    if (this.clock.pendingTimers > 0) this.faults.push(`${this.clock.pendingTimers} timers are left`)
    for (const { place, closed } of this.opened) {
      if (closed !== 1) this.faults.push(`${place} was cleaned up ${closed} times`)
    }
  }

  #homeOf({ use }: FactoryContext, owner: string): string {
    try {
      return use((deps) => deps.select((name: string) => name))
    } catch {
      return owner
    }
  }

  #receive(value: Opened | undefined, who: string): void {
    if (value?.isStale) this.faults.push(`${who} got ${value.place}, which was being cleaned up`)
  }

  async #build(
    call: Call,
    context: FactoryContext,
    home: string,
    name: string,
    scope: ServiceScope,
  ): Promise<Opened> {
    const { key, params, signal, use, onCleanup, emit } = context
    const place = `${home}: ${name.split('/')[0]}/${key}(${JSON.stringify(params) ?? ''})`
    if (this.gone.has(home)) this.faults.push(`${place} was built after its container was gone`)
    this.#working.set(home, (this.#working.get(home) ?? 0) + 1)
    try {
      const from = new Set<Opened>()
      for (const need of call.needs) {
        const dep = await use((deps) => deps.require<Opened>(`k${need}`))
        this.#receive(dep, place)
        from.add(dep)
      }
      await this.#later(call.before)
      const isOne = scope !== 'transient' && !signal.aborted
      const self: Opened = { place, home, isOne, from, isClosing: false, isStale: false, closed: 0 }
      if (isOne && this.opened.some((each) => each.place === place && each.isOne && each.closed === 0)) {
        this.faults.push(`${place} was opened twice`)
      }
      this.opened.push(self)
      if (call.bySignal) {
        if (signal.aborted) this.#end(self)
        else signal.addEventListener('abort', () => this.#end(self))
      } else onCleanup(() => this.#cleanup(call.cleanup, self))
      await this.#later(call.after)
      if (call.end === 'throw') throw new Error('It fails')
      if (call.end === 'hang') await this.#aborted(signal)
      if (call.end === 'stream') {
        emit(self)
        await this.#later(call.after)
        if (call.before > 0 && call.after > 0) throw new Error('The stream breaks')
      }
      return self
    } finally {
      this.#working.set(home, this.#working.get(home)! - 1)
    }
  }

  async #cleanup(how: Call['cleanup'], self: Opened): Promise<void> {
    this.#close(self)
    if (how === 'slow') await this.#later(7)
    self.closed++
    if (how === 'throw') throw new Error('It cannot be closed')
  }

  #end(self: Opened): void {
    this.#close(self)
    self.closed++
  }

  #close(self: Opened): void {
    self.isClosing = true
    void turns(8).then(() => (self.isStale = true))
    for (const each of this.opened) {
      if (each.closed === 0 && each.isOne && each !== self && each.from.has(self)) {
        this.faults.push(`${self.place} was cleaned up before ${each.place}, which was built from it`)
      }
    }
  }

  #aborted(signal: AbortSignal): Promise<void> | undefined {
    if (signal.aborted) return undefined
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
  }

  #later(ms: number): Promise<void> | undefined {
    return ms === 0 ? undefined : new Promise((resolve) => void this.clock.setTimeout(resolve, ms))
  }
}
