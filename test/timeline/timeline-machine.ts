import { expect } from 'vitest'
import { isSystemError } from 'busline'
import { simulatedClock } from '../../src/testing/index.js'
import { MemoryTimelineStore } from '../../src/timeline/memory-timeline-store.js'
import type { RunRecording } from '../../src/timeline/run-recording.js'
import { TimelinePlayer } from '../../src/timeline/timeline-player.js'
import { TimelineRecorder } from '../../src/timeline/timeline-recorder.js'
import {
  type RunFilter,
  TIMELINE_STATUSES,
  type TimelineStatus,
  type TimelineStore,
  isFinished,
} from '../../src/timeline/timeline-store.js'
import { textOf } from './timeline-fixtures.js'

interface Run {
  readonly recording: RunRecording
  /** How many events; the state counts them. */
  recorded: number
  /** It need not be there any more. */
  mayBeGone: boolean
}

/** A recorder and readers at one store, and what went wrong there. Nobody waits for what a call comes to. */
export class TimelineMachine {
  readonly clock = simulatedClock(1000)
  readonly faults: string[] = []
  readonly recorder: TimelineRecorder
  readonly #store: TimelineStore
  readonly #mayFail: boolean
  readonly #runs = new Map<string, Run>()
  readonly #pending = new Set<Promise<unknown>>()
  /** How many are under way, and may take what begins and ends meanwhile. */
  #prunes = 0

  /** @param mayFail Whether readers may be told that the store failed. */
  constructor(store: TimelineStore, mayFail: boolean) {
    this.#store = store
    this.#mayFail = mayFail
    this.recorder = new TimelineRecorder({ store, clock: this.clock, snapshotInterval: 4 })
  }

  /** Something that must settle, and do so well. */
  call(what: string, promise: Promise<unknown>): void {
    const settled = promise.catch((error: unknown) => {
      const { code } = isSystemError(error) ? error : {}
      // Whoever reads a run that is deleted meanwhile is told so.
      if (code !== 'NOT_FOUND' && !(this.#mayFail && code === 'STORAGE')) {
        this.faults.push(`${what}: ${String(error)}`)
      }
    })
    this.#pending.add(settled)
    void settled.then(() => this.#pending.delete(settled))
  }

  open(): void {
    const { size } = this.#runs
    const runId = `r${size}`
    const recording = this.recorder.open({ runId, workflowId: `w${size % 2}`, pipelineId: 'p' })
    this.#runs.set(runId, { recording, recorded: 0, mayBeGone: false })
  }

  record(pick: number, count: number): void {
    const [, run] = this.#pick(pick)
    if (!run || isFinished(run.recording.status)) return
    for (let index = 0; index < count; index++) {
      const value = ++run.recorded
      const delta = [{ op: 'replace' as const, path: ['count'], value }]
      run.recording.record(
        'store',
        'state:commit',
        { value },
        { delta, state: Object.freeze({ count: value }) },
      )
    }
  }

  setStatus(pick: number, status: TimelineStatus): void {
    this.#pick(pick)[1]?.recording.setStatus(status)
  }

  /** A run, also one that is still recorded. */
  async delete(pick: number): Promise<void> {
    const [runId, run] = this.#pick(pick)
    if (run) run.mayBeGone = true
    await this.#store.deleteRun(runId)
  }

  async prune(maxRuns: number): Promise<void> {
    this.#prunes++
    for (const run of this.#runs.values()) run.mayBeGone = true
    await this.#store.prune({ maxRuns })
    for (const run of this.#runs.values()) run.mayBeGone = true
    this.#prunes--
  }

  /** What is exported is a whole run. */
  async export(pick: number): Promise<void> {
    const [runId] = this.#pick(pick)
    const copy = new MemoryTimelineStore()
    const { eventCount } = await copy.importRun(await textOf(this.#store.exportRun(runId)))
    await this.#walk(copy, runId, eventCount)
  }

  walk(pick: number): Promise<void> {
    return this.#walk(this.#store, this.#pick(pick)[0], 0)
  }

  /** Commands to one player at once; wherever it stands, it shows what is there. */
  async jump(pick: number, seqs: readonly number[]): Promise<void> {
    const player = new TimelinePlayer(this.#store, this.#pick(pick)[0])
    const check = () => {
      expect(player.event?.seq ?? 0).toBe(player.position)
      if (player.position > 0) expect(player.state).toEqual({ count: player.position })
    }
    const moves = seqs.map((seq) => {
      if (seq === 0) return player.stepForward()
      return seq < 0 ? player.stepBackward() : player.seek(seq)
    })
    const ends = await Promise.allSettled(moves.map((move) => move.finally(check)))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  /** No run twice, each as it was asked for, and all that were there from beginning to end. */
  async list(filter: RunFilter): Promise<void> {
    const before = await this.#store.listRuns({ ...filter, limit: 1000 })
    const seen: string[] = []
    let page = await this.#store.listRuns(filter)
    for (;;) {
      for (const { runId, workflowId, status } of page.runs) {
        expect({ workflowId, status }).toMatchObject({ workflowId, status, ...withoutLimit(filter) })
        seen.push(runId)
      }
      if (page.cursor === undefined) break
      page = await this.#store.listRuns({ ...filter, cursor: page.cursor })
    }
    expect(new Set(seen).size).toBe(seen.length)
    for (const { runId, status } of before.runs) {
      // One that is listed by its status may have had another in between.
      const isCertain = filter.status === undefined || isFinished(status)
      if (isCertain && this.#prunes === 0 && !this.#runs.get(runId)!.mayBeGone) expect(seen).toContain(runId)
    }
  }

  /** Brings everything to its end; then each run is whole or gone, for whoever reads `store`. */
  async finish(store = this.#store): Promise<readonly string[]> {
    await this.clock.advance('1h')
    await Promise.all(this.#pending)
    for (const { recording } of this.#runs.values()) recording.setStatus('complete')
    await this.clock.advance('1h')
    await this.recorder.close()
    expect(this.clock.pendingTimers).toBe(0)
    const left: string[] = []
    for (const [runId, { recording, recorded, mayBeGone }] of this.#runs) {
      const meta = await store.getRunMeta(runId)
      if (!mayBeGone) {
        expect(meta).toMatchObject({ status: recording.status, eventCount: recorded })
        expect(recording.lostEvents).toBe(0)
      }
      if (!meta) continue
      await this.#walk(store, runId, meta.eventCount)
      left.push(runId)
    }
    const { runs } = await store.listRuns({ limit: 1000 })
    expect(runs.map(({ runId }) => runId).sort()).toEqual([...left].sort())
    for (const status of TIMELINE_STATUSES) {
      expect((await store.listRuns({ status, limit: 1000 })).runs).toEqual(
        runs.filter((run) => run.status === status),
      )
    }
    return left
  }

  #pick(number: number): readonly [string, Run | undefined] {
    const runs = [...this.#runs]
    return runs[number % runs.length] ?? ['nobody', undefined]
  }

  async #walk(store: TimelineStore, runId: string, atLeast: number): Promise<void> {
    const player = new TimelinePlayer(store, runId)
    let last = 0
    for await (const { seq, payload } of player) {
      last++
      expect([seq, payload.value, player.state]).toEqual([last, last, { count: last }])
    }
    expect(last).toBeGreaterThanOrEqual(atLeast)
  }
}

function withoutLimit({ limit: _limit, ...rest }: RunFilter): RunFilter {
  return rest
}
