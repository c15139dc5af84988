import type { Result, RunBundle, RunInfo, RunResult, StorageDriver } from 'busline'
import { sequentialIds, simulatedClock } from '../../../src/testing/index.js'
import { trackCalls } from '../../storage/track-calls.js'
import { FleetHistory } from './fleet-history.js'
import { FleetHost, type HostSetting } from './fleet-host.js'
import type { Plan } from '../planned-pipeline.js'
import { FleetProcess, type Version, type WorkflowSetting } from './fleet-process.js'

export interface FleetSetting extends WorkflowSetting, HostSetting {
  /** Whether `stop()` lets runs end first. */
  readonly drain: boolean
}

/** A run that was given away. */
interface Parcel {
  readonly bundle: RunBundle
  /** The one store that takes it, if perhaps more than once. */
  target?: string
}

/** A call that is not answered yet. */
interface Call {
  readonly what: string
  readonly process: FleetProcess
}

/** What a run may end a call with that was told to do something to it, when others were quicker or its runtime left. */
const REFUSALS = ['UNAVAILABLE', 'FENCED', 'NOT_FOUND', 'INVALID_COMMAND', 'VERSION_MISMATCH', 'STORAGE']

/** So that a claim does not lapse while the store is at work. */
const STEP_MS = 50

/** Several processes on several stores, the calls to them, and whether what is answered is true. */
export class Fleet {
  readonly clock = simulatedClock()
  readonly history = new FleetHistory()
  readonly faults = this.history.faults
  /** By run and epoch. */
  readonly parcels = new Map<string, Parcel>()
  readonly processes: FleetProcess[] = []
  readonly #ids = sequentialIds()
  readonly #setting: FleetSetting
  readonly #stores: Readonly<Record<string, StorageDriver>>
  readonly #calls = new Set<Call>()
  readonly #withdrawn = new Set<string>()
  readonly #trackers: ReturnType<typeof trackCalls>[] = []
  #signals = 0

  constructor(setting: FleetSetting, stores: Readonly<Record<string, StorageDriver>>) {
    this.#setting = setting
    const watched = Object.entries(stores).map(([name, store]) => {
      const tracker = trackCalls(this.history.watch(name, store))
      if (store.name !== 'memory') this.#trackers.push(tracker)
      return [name, tracker.storage]
    })
    this.#stores = Object.fromEntries(watched) as Record<string, StorageDriver>
  }

  open(place: string, version: Version): FleetProcess {
    const name = `p${this.processes.length}`
    const host = new FleetHost(this.clock, this.#stores[place]!, this.#setting)
    const process = new FleetProcess(name, place, host, this.#ids, this.history, this.#setting)
    this.processes.push(process)
    this.register(process, version)
    return process
  }

  /** Time goes by, no faster than a store that really takes some can follow. */
  async pass(ms: number): Promise<void> {
    if (this.#trackers.length === 0) return this.clock.advance(ms)
    for (let left = ms; left >= 0; left -= STEP_MS) {
      await this.clock.advance(Math.min(left, STEP_MS))
      for (const each of this.#trackers) await each.settle(this.clock)
    }
  }

  /** Something that must settle, unless its process crashes. */
  call<Value>(
    what: string,
    process: FleetProcess,
    asked: Promise<Value>,
    check: (value: Value) => string | undefined = () => undefined,
  ): void {
    const call = { what: `${what} at ${process.name}`, process }
    this.#calls.add(call)
    const answered = (fault: string | undefined) => {
      this.#calls.delete(call)
      if (fault !== undefined && !process.host.hasCrashed) this.faults.push(`${call.what}: ${fault}`)
    }
    asked.then(
      (value) => answered(check(value)),
      (error: unknown) => answered(/recover|register/.test(what) ? undefined : String(error)),
    )
  }

  register(process: FleetProcess, version: Version): void {
    this.call('register', process, process.register(version))
  }

  deregister(process: FleetProcess): void {
    const { runtime, registrations } = process
    process.isRegistered = false
    const left = runtime.deregister('w').then(() => {
      const isBack = runtime.hasWorkflow('w') || process.registering > 0 || !process.isOpen
      if (!isBack && process.registrations === registrations) process.left ??= 'deregister'
    })
    this.call('deregister', process, left)
  }

  stop(process: FleetProcess): void {
    process.isOpen = false
    process.isRegistered = false
    const stopped = process.runtime.stop({ drain: this.#setting.drain, timeout: 5 })
    this.call(
      'stop',
      process,
      stopped.then(() => void (process.left = 'stop')),
    )
  }

  publish(process: FleetProcess, plan: Plan): void {
    const { id } = process.bus.publish('go', plan)
    if (process.isRegistered && !process.receipts.has(id)) process.receipts.set(id, [])
  }

  submit(process: FleetProcess, plan: Plan): void {
    this.call('submit', process, process.runtime.submit('go', plan), (answer) => {
      const lost = answer.ok && answer.value.find(({ outcome, runId }) => !this.history.keeps(outcome, runId))
      return lost ? `${lost.outcome}, and it is not in the store` : undefined
    })
  }

  /** A call that is answered at the next pause, or the end. */
  run(what: string, process: FleetProcess, asked: Promise<RunResult>): void {
    this.call(what, process, asked, (answer) => {
      if (!answer.ok && REFUSALS.includes(answer.error.code)) return undefined
      const { runId } = answer.metadata
      const status = answer.ok ? answer.value.status : answer.metadata.status
      const run = this.history.runs.get(runId)
      if (status === 'paused') return run ? undefined : `${runId} is not in the store`
      return run?.ends[0] === status ? undefined : `${runId} is said to be ${status}, and is ${run?.ends[0]}`
    })
  }

  signal(process: FleetProcess, runId: string): void {
    const flag = `signal ${this.#signals++}`
    this.call(`signal to ${runId}`, process, process.runtime.signal(runId, { [flag]: true }), ({ ok }) =>
      !ok || flag in this.history.state(runId) ? undefined : 'it is not in the store',
    )
  }

  abort(process: FleetProcess, runId: string): void {
    this.call(`abort of ${runId}`, process, process.runtime.abort(runId), (answer) => {
      if (!answer.ok) return undefined
      process.aborted.add(runId)
      if (!answer.value) return void this.#withdrawn.add(runId)
      const end = this.history.runs.get(runId)?.ends[0]
      return end === answer.value.status
        ? undefined
        : `it is said to be ${answer.value.status}, and is ${end}`
    })
  }

  fork(process: FleetProcess, runId: string, stageId: string): void {
    const plan: Plan = { work: 'nothing', route: 'advance', last: 'nothing' }
    const event = process.bus.createEvent('go', plan)
    this.call(`fork of ${runId}`, process, process.runtime.fork(runId, { stageId, event }), this.#isKept)
  }

  exportRun(process: FleetProcess, runId: string): void {
    this.call(`export of ${runId}`, process, process.runtime.exportRun(runId), (answer) => {
      if (!answer.ok) return undefined
      const key = `${runId}@${answer.value.epoch}`
      if (!this.parcels.has(key)) this.parcels.set(key, { bundle: answer.value })
      return undefined
    })
  }

  importRun(process: FleetProcess, parcel: Parcel | undefined): void {
    if (!parcel) return
    parcel.target ??= process.place
    if (parcel.target !== process.place) return
    const { checkpoint, epoch } = parcel.bundle
    const asked = process.runtime.importRun(parcel.bundle)
    this.call(`import of ${checkpoint.runId}@${epoch}`, process, asked, this.#isKept)
  }

  /** After this much time nothing may be under way. */
  async rest(): Promise<void> {
    await this.pass(12_000)
    for (const { what, process } of this.#calls) {
      if (!process.host.hasCrashed) this.faults.push(`${what} never settled`)
    }
    for (const { name, host, receipts, runtime } of this.processes) {
      if (host.hasCrashed) continue
      if (host.pendingTimers > 0) this.faults.push(`${name} leaves ${host.pendingTimers} timers`)
      const { active, queued } = runtime.dispatches()
      if (active.length + queued > 0) this.faults.push(`${name} still counts ${active.length} and ${queued}`)
      // Of an event that a store may hold, or may not, nothing can be said when the runtime stops.
      if (this.#setting.luck) continue
      for (const [id, given] of receipts)
        if (given.length === 0) this.faults.push(`${name} says nothing of ${id}`)
    }
  }

  /** Every run has one end, but for those of which there was to be none. */
  checkEnds(): void {
    for (const [runId, { ends, lives }] of this.history.runs) {
      if (ends.length === 0) this.faults.push(`${runId} has no end; it lives in ${[...lives].join()}`)
      if (this.#withdrawn.has(runId))
        this.faults.push(`${runId} was taken out of the queue, and is ${ends.join()}`)
    }
  }

  readonly #isKept = (answer: Result<RunInfo>) =>
    answer.ok && !this.history.runs.has(answer.value.runId) ? 'it is not in the store' : undefined
}
