import { describe, expect, it } from 'vitest'
import type { Mode } from '../../../src/runtime/modes/mode.js'
import { FakeHost, FakeRun, settle, ticket } from './fake-host.js'

export interface ModeTraits {
  readonly create: (host: FakeHost) => Mode
  /** How many runs may hold a slot at once. */
  readonly slots: number
  /** How many events wait when all slots are taken. */
  readonly waits: number
  /** Whether a paused run keeps its slot. */
  readonly holdsWhilePaused: boolean
}

/** What every mode must do. Run on each of them, alone and per key. */
export function describeMode(name: string, { create, slots, waits, holdsWhilePaused }: ModeTraits): void {
  const setUp = () => {
    const host = new FakeHost()
    const mode = create(host)
    /** Takes all slots, by the events 0, 1, … */
    const fill = () => {
      for (let index = 0; index < slots; index++) mode.admit(ticket(String(index)))
      return host.runs.slice()
    }
    return { host, mode, fill }
  }
  const isFinal = (outcome: string) => outcome !== 'queued'

  describe(`mode ${name}`, () => {
    it('starts an event at once, with one receipt, while a slot is free', () => {
      const { host, mode, fill } = setUp()
      fill()
      expect(host.trace).toEqual(Array.from({ length: slots }, (_, index) => `${index} started`))
      expect(mode.active).toHaveLength(slots)
      expect(mode.queued).toBe(0)
    })

    it('never has more active runs than slots, and gives every event one or two receipts, the last one final', async () => {
      const { host, mode, fill } = setUp()
      fill()
      for (let index = 0; index < 30; index++) mode.admit(ticket(`later-${index}`))
      expect(mode.active.length).toBe(slots)
      for (let turn = 0; turn < 200; turn++) {
        const live = host.runs.filter(({ status }) => status === 'running')
        expect(live.length).toBeLessThanOrEqual(slots)
        if (live.length === 0) break
        live[0]!.settle()
        await settle()
      }
      expect(mode.active).toEqual([])
      expect(mode.queued).toBe(0)
      for (let index = 0; index < 30; index++) {
        const mine = host.receipts.filter(({ eventId }) => eventId === `later-${index}`)
        expect(mine.length === 1 || (mine.length === 2 && mine[0]!.outcome === 'queued')).toBe(true)
        expect(isFinal(mine.at(-1)!.outcome)).toBe(true)
      }
    })

    it('gives a slot back once, whether its run succeeded, failed, was aborted, or paused before', async () => {
      const { host, mode, fill } = setUp()
      for (let round = 0; round < 3; round++) {
        const before = host.runs.length
        for (let index = 0; index < slots; index++) mode.admit(ticket(`${round}-${index}`))
        const started = host.runs.slice(before)
        expect(started).toHaveLength(slots)
        for (const run of started) {
          if (round === 1) run.abort('by hand')
          if (round === 2) run.pause()
        }
        await settle()
        for (const run of started) run.settle()
        await settle()
        expect(mode.active).toEqual([])
      }
      fill()
      mode.admit(ticket('one-too-many'))
      expect(mode.active).toHaveLength(slots)
    })

    it(
      holdsWhilePaused ? 'keeps the slot of a paused run' : 'gives the slot of a paused run to others',
      async () => {
        const { host, mode, fill } = setUp()
        const [first] = fill()
        first!.pause()
        await settle()
        expect(mode.active.includes(first!.runId)).toBe(holdsWhilePaused)
        mode.admit(ticket('next'))
        expect(host.trace.includes('next started')).toBe(!holdsWhilePaused)
      },
    )

    it('lets a paused run go on, which then holds its slot to its end', async () => {
      const { host, mode, fill } = setUp()
      const [first] = fill()
      first!.pause()
      await settle()
      mode.resume(first!, () => first!.goOn())
      expect(first!.status).toBe('running')
      expect(mode.active.filter((runId) => runId === first!.runId)).toHaveLength(1)
      expect(mode.active).toHaveLength(slots)
      first!.settle()
      await settle()
      expect(mode.active).toHaveLength(slots - 1)
      mode.admit(ticket('next'))
      expect(host.trace).toContain('next started')
    })

    it('lets a run go on that is resumed before its pause was noticed', async () => {
      const { host, mode, fill } = setUp()
      const [first] = fill()
      first!.pause()
      mode.resume(first!, () => first!.goOn())
      await settle()
      expect(first!.status).toBe('running')
      expect(mode.active.filter((runId) => runId === first!.runId)).toHaveLength(1)
      for (const run of host.runs) run.settle()
      await settle()
      expect(mode.active).toEqual([])
    })

    it('returns a waiting ticket that is withdrawn, once, without a receipt', async () => {
      const { host, mode, fill } = setUp()
      fill()
      mode.admit(ticket('waiting'))
      const receipts = host.receipts.length
      expect(mode.withdraw('run-waiting')?.event.id).toBe(waits > 0 ? 'waiting' : undefined)
      expect(mode.withdraw('run-waiting')).toBeUndefined()
      expect(mode.withdraw('run-0')).toBeUndefined()
      expect(host.receipts).toHaveLength(receipts)
      expect(mode.queued).toBe(0)
      for (const run of host.runs) run.settle()
      await settle()
      expect(host.trace).not.toContain('waiting started')
    })

    it('counts a recovered run among the active ones, even when there is no room', async () => {
      const { host, mode, fill } = setUp()
      const recovered = new FakeRun({ runId: 'recovered', key: undefined })
      fill()
      mode.adopt(recovered)
      expect(mode.active).toHaveLength(slots + 1)
      host.run('0').settle()
      await settle()
      mode.admit(ticket('next'))
      expect(host.trace).not.toContain('next started')
      for (const run of [recovered, ...host.runs]) run.settle()
      await settle()
      for (const run of host.runs) run.settle()
      await settle()
      expect(mode.active).toEqual([])
      mode.admit(ticket('after'))
      expect(host.trace).toContain('after started')
    })

    it('drops who waits and who comes when it is closed, and leaves active runs alone', async () => {
      const { host, mode, fill } = setUp()
      fill()
      mode.admit(ticket('waiting'))
      mode.close('Workflow deregistered')
      mode.close('Workflow deregistered')
      mode.admit(ticket('late'))
      expect(mode.queued).toBe(0)
      expect(mode.active).toHaveLength(slots)
      const dropped = host.receipts.filter(({ details }) => details.reason === 'Workflow deregistered')
      expect(dropped.map(({ eventId, outcome }) => `${eventId} ${outcome}`)).toEqual([
        ...(waits > 0 ? ['waiting dropped'] : []),
        'late dropped',
      ])
      for (const run of host.runs) run.settle()
      await settle()
      expect(mode.active).toEqual([])
      expect(mode.occupancy()).toEqual([])
    })

    it('lets a run that was paused go on after it was closed', async () => {
      const { mode, fill } = setUp()
      const [first] = fill()
      first!.pause()
      await settle()
      mode.close('Workflow deregistered')
      mode.resume(first!, () => first!.goOn())
      expect(first!.status).toBe('running')
      expect(mode.active).toContain(first!.runId)
      first!.settle()
      await settle()
      expect(mode.active).not.toContain(first!.runId)
    })

    it('bears a receipt that publishes and closes', async () => {
      const { host, mode } = setUp()
      let count = 0
      host.onReceipt = () => {
        if (count < 40) mode.admit(ticket(`nested-${count++}`))
        else mode.close('Closed in a receipt')
      }
      mode.admit(ticket('outer'))
      for (let turn = 0; turn < 60; turn++) {
        expect(host.runs.filter(({ status }) => status === 'running').length).toBeLessThanOrEqual(slots)
        host.runs.find(({ status }) => status === 'running')?.settle()
        await settle()
      }
      expect(mode.active).toEqual([])
      for (const eventId of ['outer', ...Array.from({ length: count }, (_, index) => `nested-${index}`)]) {
        const mine = host.receipts.filter((receipt) => receipt.eventId === eventId)
        expect(mine.filter(({ outcome }) => isFinal(outcome))).toHaveLength(1)
        expect(isFinal(mine.at(-1)!.outcome)).toBe(true)
        expect(mine.length).toBeLessThanOrEqual(2)
      }
    })

    it('says who is active and how many wait', () => {
      const { mode, fill } = setUp()
      expect(mode.occupancy()).toEqual([])
      fill()
      mode.admit(ticket('waiting'))
      expect(mode.occupancy()).toEqual([
        {
          active: Array.from({ length: slots }, (_, index) => `run-${index}`),
          queued: Math.min(waits, 1),
        },
      ])
    })
  })
}
