import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ModeOptions, createMode } from '../../../src/runtime/modes/create-mode.js'
import { KeyedMode } from '../../../src/runtime/modes/keyed-mode.js'
import type { Mode } from '../../../src/runtime/modes/mode.js'
import type { DispatchOutcome } from '../../../src/runtime/receipts.js'
import { FakeHost, type FakeRun, settle, ticket } from './fake-host.js'
import { ReferenceLane } from './reference-model.js'

/** What can happen. `pick` chooses among the runs or tickets there are. */
type Command =
  | { readonly do: 'arrive'; readonly key: string; readonly priority: number }
  | { readonly do: 'settle' | 'pause' | 'resume' | 'abort' | 'withdraw'; readonly pick: number }
  | { readonly do: 'close' }

const pick = fc.nat(1000)
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('arrive' as const),
      key: fc.constantFrom('a', 'b', 'c'),
      priority: fc.constantFrom(0, 0, 0, 1, -1),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('settle' as const), pick }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume', 'abort', 'withdraw'), pick }),
  },
)
/** Few sequences close, and then near their end. */
const commands = fc
  .tuple(
    fc.array(command, { maxLength: 120, size: 'max' }),
    fc.option(fc.array(command, { maxLength: 20 }), { freq: 2 }),
  )
  .map(([before, after]): Command[] => (after ? [...before, { do: 'close' }, ...after] : before))

const OPTIONS: readonly ModeOptions[] = [
  { type: 'transient', concurrency: 3 },
  { type: 'transient', concurrency: 2, capacity: 3 },
  { type: 'serialized' },
  { type: 'serialized', capacity: 2 },
  { type: 'singleton_loop', onBusy: 'drop' },
  { type: 'singleton_loop', onBusy: 'signal' },
  { type: 'singleton_loop', onBusy: 'replace' },
  { type: 'exclusive', onBusy: 'reject' },
  { type: 'exclusive', onBusy: 'queue_single' },
]

const isFinal = (outcome: string) => outcome !== 'queued' && outcome !== 'delayed'

function at<Item>(items: readonly Item[], index: number): Item | undefined {
  return items.length === 0 ? undefined : items[index % items.length]
}

/** Carries a command out on the mode; returns what it did, for the reference to follow. */
class Driver {
  readonly host = new FakeHost()
  readonly mode: Mode
  readonly withdrawn = new Set<string>()
  /** Runs that were told to go on and wait for a slot. */
  readonly resuming = new Set<FakeRun>()
  readonly priorities: number[] = []

  constructor(create: (host: FakeHost) => Mode) {
    this.mode = create(this.host)
  }

  get arrivals(): number {
    return this.priorities.length
  }

  arrive(key: string, priority: number): string {
    const id = `e${this.arrivals}`
    this.priorities.push(priority)
    this.mode.admit(ticket(id, { key, priority }))
    return id
  }

  settle(index: number): FakeRun | undefined {
    const run = at(
      this.host.runs.filter(({ status }) => status === 'running' || status === 'ended'),
      index,
    )
    run?.settle()
    return run
  }

  pause(index: number): FakeRun | undefined {
    // A run that is being aborted goes on to its end.
    const run = at(
      this.host.runs.filter((each) => each.status === 'running' && !each.isAborted),
      index,
    )
    run?.pause()
    return run
  }

  resume(index: number): FakeRun | undefined {
    const run = at(
      this.host.runs.filter((each) => each.status === 'paused' && !this.resuming.has(each)),
      index,
    )
    if (!run) return undefined
    this.resuming.add(run)
    this.mode.resume(run, () => {
      this.resuming.delete(run)
      run.goOn()
    })
    return run
  }

  /** What the runtime does when somebody aborts a run. */
  abort(index: number): FakeRun | undefined {
    const run = at(
      this.host.runs.filter(({ status }) => status === 'running' || status === 'paused'),
      index,
    )
    if (!run) return undefined
    this.mode.withdraw(run.runId)
    this.resuming.delete(run)
    run.abort('by hand')
    return run
  }

  /** Whether there are receipts to end this way; aborting a queued run gives it its end. */
  withdraw(index: number): string | undefined {
    const waiting = [...this.#waiting()]
    const id = at(waiting, index)
    if (id === undefined) return undefined
    const taken = this.mode.withdraw(`run-${id}`)
    expect(taken?.event.id).toBe(id)
    this.host.decide(taken!, 'dropped', { reason: 'aborted' })
    return id
  }

  *#waiting(): Iterable<string> {
    const last = new Map(this.host.receipts.map(({ eventId, outcome }) => [eventId, outcome]))
    for (const [id, outcome] of last) if (outcome === 'queued') yield id
  }

  /** M1: one final receipt each, at most one before it, none for what never arrived. */
  assertReceipts(isOver: boolean): void {
    const byEvent = new Map<string, DispatchOutcome[]>()
    for (const { eventId, outcome } of this.host.receipts) {
      byEvent.set(eventId, [...(byEvent.get(eventId) ?? []), outcome])
    }
    const faults = this.priorities.flatMap((_, index) => {
      const outcomes = byEvent.get(`e${index}`) ?? []
      const isFine =
        outcomes.length <= 2 &&
        outcomes.slice(0, -1).every((outcome) => outcome === 'queued') &&
        (!isOver || isFinal(outcomes.at(-1) ?? 'queued'))
      return isFine ? [] : `e${index}: ${outcomes.join(', ') || 'no receipt'}`
    })
    expect(faults).toEqual([])
    expect(byEvent.size).toBeLessThanOrEqual(this.arrivals)
    expect(new Set(this.host.runs.map(({ runId }) => runId)).size).toBe(this.host.runs.length)
  }

  /** Ends everything that is left, so that nothing may be left. */
  async drain(): Promise<void> {
    for (let turn = 0; turn <= this.arrivals; turn++) {
      const live = this.host.runs.filter(({ status }) => status !== 'settled')
      if (live.length === 0) break
      for (const run of live) {
        this.mode.withdraw(run.runId)
        run.settle()
      }
      await settle()
    }
    expect(this.mode.active).toEqual([])
    expect(this.mode.queued).toBe(0)
    expect(this.mode.occupancy()).toEqual([])
  }
}

describe.each(OPTIONS.map((options) => [JSON.stringify(options), options] as const))(
  'mode %s against its model',
  (_name, options) => {
    const isTransient = options.type === 'transient'

    it.each([false, true])('does what the model does, command by command (per key: %s)', async (isKeyed) => {
      await fc.assert(
        fc.asyncProperty(commands, async (sequence) => {
          const driver = new Driver((host) =>
            isKeyed
              ? new KeyedMode((onIdle) => createMode(options, host, onIdle))
              : createMode(options, host),
          )
          const trace: string[] = []
          const lanes = new Map<string, ReferenceLane>()
          let isClosed = false
          const laneOf = (key = ''): ReferenceLane => {
            const name = isKeyed ? key : ''
            let lane = lanes.get(name)
            if (!lane) lanes.set(name, (lane = new ReferenceLane(options, trace)))
            lane.closed = isClosed
            return lane
          }
          const keyOf = (id: string) => keys.get(id)
          const keys = new Map<string, string>()

          for (const step of sequence) {
            if (step.do === 'arrive') {
              const id = `e${driver.arrivals}`
              keys.set(id, step.key)
              driver.arrive(step.key, step.priority)
              laneOf(step.key).arrive({ id, priority: step.priority })
            } else if (step.do === 'close') {
              isClosed = true
              driver.mode.close('closed')
              for (const lane of lanes.values()) lane.close()
            } else if (step.do === 'withdraw') {
              const id = driver.withdraw(step.pick)
              if (id !== undefined) {
                expect(laneOf(keyOf(id)).withdraw(id)).toBe(true)
                trace.push(`${id} dropped`)
              }
            } else {
              const wasPaused = new Set(driver.host.runs.filter(({ status }) => status === 'paused'))
              const run = driver[step.do](step.pick)
              if (run) {
                const id = run.runId.slice('run-'.length)
                const lane = laneOf(run.key)
                if (step.do === 'settle') lane.free(id)
                if (step.do === 'pause' && isTransient) lane.free(id)
                if (step.do === 'resume' && isTransient) lane.resume(id)
                if (step.do === 'abort') {
                  // An aborted run settles at once here; a paused one of `transient` holds no slot.
                  lane.aborted.add(id)
                  lane.resuming = lane.resuming.filter((each) => each !== id)
                  run.settle()
                  if (!isTransient || !wasPaused.has(run)) lane.free(id)
                }
              }
            }
            await settle()
            // Keys are independent of one another, so order is compared within each.
            for (const [name] of lanes) {
              const ofLane = (line: string) => !isKeyed || keyOf(line.split(' ')[0]!) === name
              expect(driver.host.trace.filter(ofLane)).toEqual(trace.filter(ofLane))
            }
            const active = [...lanes.values()].flatMap((lane) => lane.active.map((id) => `run-${id}`))
            expect([...driver.mode.active].sort()).toEqual(active.sort())
            const waiting = [...lanes.values()].reduce((sum, lane) => sum + lane.waiting.length, 0)
            expect(driver.mode.queued).toBe(waiting)
          }
          await driver.drain()
          driver.assertReceipts(true)
        }),
        { numRuns: 100 },
      )
    })

    it('keeps its invariants when nothing has settled between the commands', async () => {
      await fc.assert(
        fc.asyncProperty(
          commands,
          fc.array(fc.nat(4), { minLength: 1, maxLength: 50 }),
          async (sequence, pauses) => {
            const driver = new Driver((host) => new KeyedMode((onIdle) => createMode(options, host, onIdle)))
            const slots = isTransient ? options.concurrency! : 1
            const assertSlots = () => {
              const holding = { a: 0, b: 0, c: 0 }
              for (const { key, status } of driver.host.runs) {
                // A paused run of the other three modes is active, too; one that ended blocks them until it settled.
                if (isTransient ? status === 'running' : status !== 'settled')
                  holding[key as 'a' | 'b' | 'c']++
              }
              expect(Math.max(...Object.values(holding))).toBeLessThanOrEqual(slots)
            }
            for (const [index, step] of sequence.entries()) {
              if (step.do === 'arrive') driver.arrive(step.key, step.priority)
              else if (step.do === 'close') driver.mode.close('closed')
              else if (step.do === 'settle') {
                // First it ends, later it has settled: between the two a signal finds nothing to land on.
                const run = at(
                  driver.host.runs.filter(({ status }) => status !== 'settled' && status !== 'paused'),
                  step.pick,
                )
                if (run?.status === 'running') run.end()
                else run?.settle()
              } else driver[step.do](step.pick)
              assertSlots()
              for (let turn = at(pauses, index)!; turn > 0; turn--) await Promise.resolve()
              assertSlots()
            }
            await settle()
            // Never nothing active while an event was accepted.
            for (const { active, queued } of driver.mode.occupancy())
              expect(active.length > 0 || queued === 0).toBe(true)
            await driver.drain()
            driver.assertReceipts(true)
            // M2: equal priorities of a key start in the order of their arrival.
            const last = new Map<string, number>()
            for (const { runId, key } of driver.host.runs) {
              const number = Number(runId.slice('run-e'.length))
              const rank = `${key} ${driver.priorities[number]}`
              expect(number).toBeGreaterThan(last.get(rank) ?? -1)
              last.set(rank, number)
            }
          },
        ),
        { numRuns: 100 },
      )
    })
  },
)
