import { SystemError } from '../../core/system-error.js'
import type { ResumeCause } from '../../pipeline/resume-cause.js'
import type { WaitingPipeline } from '../../pipeline/run-host.js'
import { Inbox, type InboxHost, type InboxRecord } from './inbox.js'
import type { WatchIndex } from './watch-index.js'

/** The inboxes of one run, by the path of their pipeline; made when something there begins to wait. */
export class RunInboxes {
  readonly #host: InboxHost
  readonly #index: WatchIndex
  readonly #findPipeline: (path: string) => WaitingPipeline | undefined
  readonly #inboxes = new Map<string, Inbox>()
  readonly #pausing: Inbox[] = []
  #isClosed = false

  /** @param findPipeline The pipeline of the run at a path, if one is under way there. */
  constructor(
    host: InboxHost,
    index: WatchIndex,
    findPipeline: (path: string) => WaitingPipeline | undefined,
  ) {
    this.#host = host
    this.#index = index
    this.#findPipeline = findPipeline
  }

  /** @throws {SystemError} `INVALID_COMMAND` when nothing can wait there any more. */
  at(path: string, pipeline: WaitingPipeline | undefined = this.#findPipeline(path)): Inbox {
    let inbox = this.#inboxes.get(path)
    if (inbox) return inbox
    // A step that was given up may come here late.
    if (!pipeline || pipeline.hasEnded || this.#isClosed) {
      throw new SystemError('INVALID_COMMAND', 'Cannot register a watch: what it is for has ended', {
        context: path === '' ? {} : { path },
      })
    }
    this.#inboxes.set(path, (inbox = new Inbox(pipeline, this.#host, this.#index)))
    return inbox
  }

  find(path: string): Inbox | undefined {
    return this.#inboxes.get(path)
  }

  closed(path: string): void {
    this.#inboxes.get(path)?.close()
    this.#inboxes.delete(path)
  }

  waited(path: string, cause: ResumeCause | undefined): void {
    this.#inboxes.get(path)?.running(cause)
  }

  /** The pipeline at a path has decided to pause. */
  pausing(pipeline: WaitingPipeline): void {
    const inbox = this.at(pipeline.path, pipeline)
    inbox.pausing()
    this.#pausing.push(inbox)
  }

  /** Those whose pause the next commit makes good: to be parked when it is done. */
  takePausing(): readonly Inbox[] {
    return this.#pausing.length === 0 ? NONE : this.#pausing.splice(0)
  }

  stateChanged(): void {
    for (const inbox of this.#inboxes.values()) inbox.stateChanged()
  }

  close(): void {
    this.#isClosed = true
    for (const inbox of this.#inboxes.values()) inbox.close()
  }

  /** What is to be kept of them with the run. */
  records(): readonly InboxRecord[] {
    return Array.from(this.#inboxes.values(), (inbox) => inbox.record())
  }

  /** Puts back what was kept, when the pipelines are there again and before they are parked. */
  restore(records: readonly InboxRecord[]): void {
    for (const record of records) if (this.#findPipeline(record.path)) this.at(record.path).restore(record)
  }
}

const NONE: readonly Inbox[] = []
