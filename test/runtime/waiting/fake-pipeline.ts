import {
  type BusEvent,
  type PauseOptions,
  type PipelineCheckpoint,
  type ResumeCause,
  type WatchDescriptor,
  createEventBus,
} from 'busline'
import type { StageWatch, WaitingPipeline } from '../../../src/pipeline/run-host.js'
import { createWait } from '../../../src/pipeline/wait.js'
import { Inbox, type InboxHost } from '../../../src/runtime/waiting/inbox.js'
import { WatchIndex } from '../../../src/runtime/waiting/watch-index.js'
import { sequentialIds } from '../../../src/testing/index.js'
import { short } from './scripted-run.js'

interface FakeOptions {
  readonly state?: Record<string, unknown>
  readonly bufferLimit?: number
  readonly stageWatches?: readonly StageWatch[]
  readonly where?: (event: BusEvent, state: never) => boolean
}

/** A pipeline of which there is only the waiting: it pauses and goes on when the test says so. */
export class FakePipeline implements WaitingPipeline {
  readonly path = ''
  readonly hasEnded = false
  readonly bus = createEventBus({ ids: sequentialIds() })
  readonly stageWatches: readonly StageWatch[]
  readonly inbox: Inbox
  readonly causes: ResumeCause[] = []
  readonly faults: unknown[] = []
  readonly notes: { readonly note: string; readonly [key: string]: unknown }[] = []
  readonly assigns: (Readonly<Record<string, string>> | undefined)[] = []
  readonly #where: FakeOptions['where']
  wait: PipelineCheckpoint['wait']
  state: Record<string, unknown>

  constructor({ state = {}, bufferLimit = 1000, stageWatches = [], where }: FakeOptions = {}) {
    this.state = state
    this.stageWatches = stageWatches
    this.#where = where
    const host: InboxHost = {
      startEventId: 'start',
      bufferLimit,
      resume: (_path, cause, assign) => {
        this.assigns.push(assign)
        this.goOn(cause)
      },
      fault: (error) => void this.faults.push(error),
      note: (type, payload) => void this.notes.push({ note: type, ...payload }),
    }
    this.inbox = new Inbox(this, host, new WatchIndex(this.bus))
  }

  get isPaused(): boolean {
    return this.wait !== undefined
  }
  /** What ended its waits, in short. */
  get took(): readonly unknown[] {
    return this.causes.map(short)
  }
  get keeps(): readonly unknown[] {
    return this.inbox.buffered.map(({ payload }) => payload)
  }

  accepts(_stageId: string, event: BusEvent): boolean {
    return this.#where?.(event, this.state as never) ?? true
  }

  register(descriptor: WatchDescriptor, id = `w${[...this.inbox.watches].length}`): string {
    return this.inbox.register(id, descriptor)
  }

  beginToPause(options: PauseOptions = { timeout: Infinity }, stageId = 'ask'): void {
    this.wait = createWait(options, stageId, 0)
    this.inbox.pausing()
  }

  pause(options?: PauseOptions, stageId?: string): void {
    this.beginToPause(options, stageId)
    this.inbox.park()
  }

  goOn(cause: ResumeCause): void {
    this.causes.push(cause)
    this.wait = undefined
    this.inbox.running(cause)
  }

  setState(state: Record<string, unknown>): void {
    this.state = state
    this.inbox.stateChanged()
  }
}
