import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AdmissionOptions,
  validateAdmissionOptions,
} from '../../../src/runtime/admission/admission-options.js'
import { createAdmission } from '../../../src/runtime/admission/create-admission.js'
import { type ModeOptions, createMode } from '../../../src/runtime/modes/create-mode.js'
import { KeyedMode } from '../../../src/runtime/modes/keyed-mode.js'
import { simulatedClock } from '../../../src/testing/index.js'
import { FakeHost, settle, ticket } from '../modes/fake-host.js'
import { setUp } from './set-up.js'

describe('createAdmission()', () => {
  it('asks its gates in the fixed order, dedupe, rateLimit, debounce, throttle, mode', async () => {
    const { admission, clock, host } = setUp(
      {
        dedupe: { ttl: '1h' },
        rateLimit: { limit: 3, per: '1h' },
        debounce: { wait: 10 },
        throttle: { limit: 1, per: 100 },
      },
      { type: 'exclusive' },
    )
    // A duplicate is not counted by the rate, and what the rate drops does not prolong the burst.
    for (const id of ['a', 'a', 'b']) admission.admit(ticket(id))
    await clock.advance(10)
    admission.admit(ticket('c'))
    admission.admit(ticket('d'))
    await clock.advance(10)
    expect(host.trace).toEqual([
      'a delayed',
      'a duplicate',
      'b delayed',
      'a superseded',
      'b started',
      'c delayed',
      'd dropped',
    ])
    // The burst is over, the throttle holds it; the mode, busy with b, rejects it in the end.
    expect(admission.delayed).toBe(1)
    await clock.advance(80)
    expect(host.trace.slice(7)).toEqual([])
    await clock.advance(10)
    expect(host.trace.slice(7)).toEqual(['c rejected'])
  })

  it('gives an event that was delayed no further receipt but its end, also when the mode queues it', async () => {
    const { admission, clock, host } = setUp(
      { debounce: { wait: 10 }, throttle: { limit: 1, per: 10 } },
      { type: 'serialized' },
    )
    admission.admit(ticket('a'))
    await clock.advance(10)
    admission.admit(ticket('b'))
    await clock.advance(10)
    expect(admission.queued).toBe(1)
    expect(host.trace).toEqual(['a delayed', 'a started', 'b delayed'])
    host.run('a').settle()
    await settle()
    expect(host.trace.at(-1)).toBe('b started')
  })

  it('drops what waits, longest first, when it is closed', async () => {
    const { admission, clock, host } = setUp(
      { debounce: { wait: 10 }, throttle: { limit: 2, per: 1000 } },
      { type: 'serialized' },
    )
    for (const id of ['active', 'queued', 'throttled', 'debounced']) {
      admission.admit(ticket(id))
      if (id !== 'debounced') await clock.advance(10)
    }
    const before = host.receipts.length
    admission.close('Runtime stopped')
    expect(host.trace.slice(before)).toEqual(['queued dropped', 'throttled dropped', 'debounced dropped'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('loses and doubles no event, whatever the gates, the mode, the keys and the time', async () => {
    const duration = fc.integer({ min: 1, max: 50 })
    const rate = fc.record({ limit: fc.integer({ min: 1, max: 3 }), per: duration })
    const gates: fc.Arbitrary<AdmissionOptions> = fc.record(
      {
        dedupe: fc.record({ ttl: duration }),
        rateLimit: rate,
        debounce: fc.record({ wait: duration }),
        throttle: rate,
      },
      { requiredKeys: [] },
    )
    const modes = fc.constantFrom<ModeOptions>(
      { type: 'transient', concurrency: 2, capacity: 2 },
      { type: 'serialized' },
      { type: 'singleton_loop', onBusy: 'signal' },
      { type: 'singleton_loop', onBusy: 'replace' },
      { type: 'exclusive', onBusy: 'queue_single' },
    )
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant('arrive' as const),
          key: fc.constantFrom('x', 'y'),
          again: fc.constantFrom(false, false, false, true),
        }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), pick: fc.nat(100) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(40) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('withdraw' as const), pick: fc.nat(100) }) },
    )
    await fc.assert(
      fc.asyncProperty(
        gates,
        modes,
        fc.array(step, { maxLength: 60 }),
        fc.boolean(),
        async (options, mode, steps, drains) => {
          const clock = simulatedClock()
          const host = new FakeHost()
          const admission = createAdmission(
            options,
            (inner) => new KeyedMode((onIdle) => createMode(mode, inner, onIdle)),
            host,
            clock,
          )
          let arrivals = 0
          /** An event that comes twice gets receipts for both; they are told apart by its run. */
          const copies = new Map<string, number>()
          for (const each of steps) {
            if (each.do === 'arrive') {
              const id = each.again && arrivals > 0 ? `e${arrivals - 1}` : `e${arrivals++}`
              copies.set(id, (copies.get(id) ?? 0) + 1)
              admission.admit(ticket(id, { key: each.key, runId: `run-${id}-${copies.get(id)}` }))
            } else if (each.do === 'wait') await clock.advance(each.ms)
            else if (each.do === 'settle') {
              const live = host.runs.filter(({ status }) => status === 'running')
              live[each.pick % Math.max(1, live.length)]?.settle()
              await settle()
            } else {
              const taken = admission.withdraw(`run-e${each.pick % Math.max(1, arrivals)}-1`)
              if (taken) host.decide(taken, 'dropped', { reason: 'aborted' })
            }
          }
          if (!drains) admission.close('closed')
          while (admission.queued + admission.delayed + admission.active.length > 0) {
            for (const run of host.runs) if (run.status === 'running') run.settle()
            await clock.advance(50)
          }
          expect(clock.pendingTimers).toBe(0)
          for (const [id, count] of copies) {
            const outcomes = host.receipts
              .filter(({ eventId }) => eventId === id)
              .map(({ outcome }) => outcome)
            const final = outcomes.filter((outcome) => outcome !== 'queued' && outcome !== 'delayed')
            expect(final).toHaveLength(count)
            expect(outcomes.length).toBeLessThanOrEqual(2 * count)
            if (count === 1) expect(outcomes.at(-1)).toBe(final[0])
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('validateAdmissionOptions()', () => {
  it('finds nothing wrong with well-formed options and looks at no others', () => {
    const options = {
      dedupe: { key: () => 'k', ttl: '1m' },
      rateLimit: { limit: 1, per: 100 },
      debounce: { wait: '1s', maxWait: Infinity },
      throttle: { limit: 5, per: '1s' },
      mode: 'not looked at',
    }
    expect(validateAdmissionOptions(options)).toEqual([])
    expect(validateAdmissionOptions({})).toEqual([])
  })

  it('names every fault with its path', () => {
    const options = {
      dedupe: { key: 'id' },
      rateLimit: { limit: 0, per: '1 s' },
      debounce: 100,
      throttle: { limit: 2, per: '1s', burst: 3 },
    }
    expect(validateAdmissionOptions(options, 'options').map(({ path }) => path)).toEqual([
      'options.dedupe.key',
      'options.dedupe.ttl',
      'options.rateLimit.limit',
      'options.rateLimit.per',
      'options.debounce',
      'options.throttle.burst',
    ])
  })
})
