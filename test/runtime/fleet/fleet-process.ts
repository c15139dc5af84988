import {
  type AnyPipeline,
  type DispatchResult,
  type ModeOptions,
  type RegistrationOptions,
  type RunCheckpoint,
  type StepContext,
  WorkflowRuntime,
  createEventBus,
} from 'busline'
import { quietLogger } from '../open-runtime.js'
import { type Plan, plannedPipeline } from '../planned-pipeline.js'
import type { FleetHistory } from './fleet-history.js'
import type { FleetHost } from './fleet-host.js'

/** How the workflow and its registration are. */
export interface WorkflowSetting {
  readonly mode: ModeOptions
  readonly gates: RegistrationOptions
  /** Which hooks take time. */
  readonly hooks: readonly ('onPrepare' | 'onResume' | 'onComplete' | 'onCleanup')[]
  readonly compensate: boolean
}

/** Whoever registers under version 2 brings runs of version 1 there; nobody goes back. */
export type Version = '1' | '2'

/** One process of the fleet, and what went wrong in it: what it says, and when it works. */
export class FleetProcess {
  readonly name: string
  /** The store on which it is. */
  readonly place: string
  readonly host: FleetHost
  readonly bus
  readonly runtime: WorkflowRuntime
  /** Whether `stop()` was not called yet. */
  isOpen = true
  /** Whether it takes events. */
  isRegistered = false
  /** Calls of `register` so far, and those that are not answered yet. */
  registrations = 0
  registering = 0
  /** Why nothing may begin any more. */
  left: 'stop' | 'deregister' | undefined
  readonly receipts = new Map<string, DispatchResult[]>()
  readonly aborted = new Set<string>()
  readonly #history: FleetHistory
  readonly #setting: WorkflowSetting

  constructor(
    name: string,
    place: string,
    host: FleetHost,
    ids: () => string,
    history: FleetHistory,
    setting: WorkflowSetting,
  ) {
    this.name = name
    this.place = place
    this.host = host
    this.#history = history
    this.#setting = setting
    const { clock, storage } = host
    this.bus = createEventBus({ clock, ids, onError: ({ error }) => this.#hear(error) })
    this.runtime = new WorkflowRuntime({
      bus: this.bus,
      clock,
      storage,
      ids,
      logger: quietLogger,
      hookTimeout: 20,
      claimTtl: 300,
    })
    host.onCommit = ([first]) => {
      if (this.left === 'stop')
        this.#history.faults.push(`${name} commits after stop(): ${JSON.stringify(first)}`)
    }
  }

  async register(version: Version): Promise<void> {
    const { mode, gates, hooks } = this.#setting
    const wanted = Object.fromEntries(hooks.map((each) => [each, () => this.#later(3)]))
    this.registrations++
    this.registering++
    if (this.left === 'deregister') this.left = undefined
    try {
      await this.runtime.register(this.workflow(version), {
        mode,
        ...gates,
        ...wanted,
        onDispatch: (receipt) => this.#received(receipt),
      })
      // It may have been deregistered meanwhile, and be on its way in again.
      if (this.registering === 1) this.isRegistered = this.isOpen && this.runtime.hasWorkflow('w')
    } finally {
      this.registering--
    }
  }

  workflow(version: Version) {
    return {
      id: 'w',
      version,
      triggers: { go: { event: 'go' } },
      pipelines: { main: this.#pipeline() },
      ...(version === '2' ? { migrate: (checkpoint: RunCheckpoint) => checkpoint } : {}),
    }
  }

  #hear(error: unknown): void {
    if (this.host.wasFrozen || this.host.hasCrashed || (error as { code?: string }).code !== 'FENCED') return
    this.#history.faults.push(`${this.name} was fenced and had never been frozen: ${String(error)}`)
  }

  #received(receipt: DispatchResult): void {
    const { name, host, receipts } = this
    if (host.hasCrashed) return
    const { eventId, outcome, runId } = receipt
    this.#begins(`The receipt "${outcome}"`)
    const given = [...(receipts.get(eventId) ?? []), receipt]
    receipts.set(eventId, given)
    const outcomes = given.map((each) => each.outcome).join()
    const { faults } = this.#history
    if (!/^((queued|delayed),)?\w+$/.test(outcomes)) faults.push(`${name} gave the receipts ${outcomes}`)
    if (!this.#history.keeps(outcome, runId))
      faults.push(`${name} said "${outcome}" of ${runId}, which is not stored`)
  }

  #begins(what: string): void {
    if (this.left) this.#history.faults.push(`${what} at ${this.name} came after ${this.left}()`)
  }

  #later(ms: number): Promise<void> {
    return new Promise((resolve) => void this.host.clock.setTimeout(resolve, ms))
  }

  async #work(what: Plan['work'], { runId, publish }: StepContext): Promise<void> {
    if (this.host.hasCrashed) return new Promise(() => {})
    this.#begins(`A step of ${runId}`)
    if (this.aborted.has(runId))
      this.#history.faults.push(`A step of ${runId} came after its abort at ${this.name}`)
    if (what === 'fail') throw new Error('It fails')
    if (what === 'publish') publish('poke', {})
    if (what === 'hang') return new Promise(() => {})
    if (what === 'wait') await this.#later(2)
  }

  #pipeline(): AnyPipeline {
    return plannedPipeline({
      compensate: this.#setting.compensate,
      act: async (what, context, which) => {
        await this.#work(what, context)
        const { log = [] } = context.state as { readonly log?: readonly string[] }
        return { log: [...log, this.#history.execution(which)] }
      },
      undo: () => this.#later(2),
    })
  }
}
