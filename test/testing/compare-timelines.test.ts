import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareTimelines } from '../../src/testing/compare-timelines.js'
import type { TimelineEvent } from '../../src/timeline/timeline-event.js'

/** A timeline from short notes: `stage:start pay`, with further fields of the payload where they matter. */
function timeline(runId: string, ...notes: readonly (string | readonly [string, object])[]): TimelineEvent[] {
  return notes.map((note, index) => {
    const [text, more] = typeof note === 'string' ? [note, {}] : note
    const [type, stageId] = text.split(' ') as [TimelineEvent['type'], string]
    const seq = index + 1
    const timestamp = Date.parse('2026-01-01') + seq * runId.length
    return { runId, seq, timestamp, source: 'pipeline', type, payload: { runId, stageId, ...more } }
  })
}

const PAY = ['stage:start pay', 'step:start pay', 'step:success pay', 'stage:success pay'] as const
const SHIP = ['stage:start ship', 'stage:success ship'] as const

describe('compareTimelines()', () => {
  it('finds a new run of the same workflow the same, whatever its ids and instants are', () => {
    const expected = timeline('a', ...PAY, [
      'log:info x',
      { message: 'run 0190c2a4-7b3e-7000-8000-000000000001', durationMs: 5 },
    ])
    const actual = timeline('bb', ...PAY, [
      'log:info x',
      { message: 'run 0190c2a4-7b3e-7000-8000-00000000abcd', durationMs: 9 },
    ])
    expect(compareTimelines(expected, actual)).toEqual({
      isSame: true,
      differences: [],
      report: 'The timelines are the same: 5 events',
    })
  })

  it('does not compare snapshots, nor the order of the keys of a payload', () => {
    const expected = timeline('a', ['stage:start pay', { x: 1, y: 2 }])
    const [event] = timeline('a', ['stage:start pay', { y: 2, x: 1 }])
    expect(compareTimelines(expected, [{ ...event!, snapshot: { count: 1 } }]).isSame).toBe(true)
  })

  it('says what is missing, what is unexpected and what has changed, and where', () => {
    const expected = timeline('a', ...PAY, ...SHIP, 'pipeline:success main')
    const actual = timeline(
      'b',
      'stage:start pay',
      ['step:start pay', { attempt: 2 }],
      'step:success pay',
      'stage:success pay',
      'log:warn new',
      'stage:start ship',
      'pipeline:success main',
    )
    const { isSame, differences, report } = compareTimelines(expected, actual)
    expect(isSame).toBe(false)
    expect(
      differences.map(({ kind, expected, actual, paths }) => [kind, expected?.seq, actual?.seq, paths]),
    ).toEqual([
      ['changed', 2, 2, ['payload.attempt']],
      ['unexpected', undefined, 5, []],
      ['missing', 6, undefined, []],
    ])
    expect(report).toBe(
      [
        'The timelines differ in 3 of 8 events (- expected, + actual)',
        '  1 stage:start pay',
        '~ 2 step:start pay',
        '    - payload.attempt: (absent)',
        '    + payload.attempt: 2',
        '  3 step:success pay',
        '  4 stage:success pay',
        '+ 5 log:warn new {"stageId":"new"}',
        '  5 stage:start ship',
        '- 6 stage:success ship {"stageId":"ship"}',
        '  7 pipeline:success main',
      ].join('\n'),
    )
  })

  it('notices another change of the state', () => {
    const [event] = timeline('a', 'state:commit pay')
    const withDelta = (value: number) => [
      { ...event!, delta: [{ op: 'replace' as const, path: ['count'], value }] },
    ]
    const { differences } = compareTimelines(withDelta(1), withDelta(2))
    expect(differences).toMatchObject([{ kind: 'changed', paths: ['delta.0.value'] }])
  })

  it('leaves out the types to skip, and compares ids when nothing is to be ignored', () => {
    const expected = timeline('a', 'stage:start pay', 'log:debug x')
    const actual = timeline('b', 'stage:start pay')
    expect(compareTimelines(expected, actual, { skip: ['log:debug'] }).isSame).toBe(true)
    expect(compareTimelines(expected, actual, { skip: ['log:debug'], ignore: [] }).differences).toMatchObject(
      [{ kind: 'changed', paths: ['payload.runId'] }],
    )
  })

  it('shows only what is around a difference in a long timeline', () => {
    const notes = Array.from({ length: 5_000 }, (_, index) => `stage:start s${index}`)
    const actual = timeline('b', ...notes.slice(0, 2_500), ...notes.slice(2_501))
    const { report } = compareTimelines(timeline('a', ...notes), actual)
    expect(report.split('\n')).toEqual([
      'The timelines differ in 1 of 5000 events (- expected, + actual)',
      '  … 2498 the same',
      '  2499 stage:start s2498',
      '  2500 stage:start s2499',
      '- 2501 stage:start s2500 {"stageId":"s2500"}',
      '  2502 stage:start s2501',
      '  2503 stage:start s2502',
      '  … 2497 the same',
    ])
  })

  it('accounts for every event on both sides, and for nothing twice, however they differ', () => {
    const note = fc.tuple(
      fc.constantFrom('stage:start a', 'stage:start b', 'step:start a'),
      fc.record({ x: fc.nat(2) }),
    )
    fc.assert(
      fc.property(fc.array(note, { maxLength: 12 }), fc.array(note, { maxLength: 12 }), (left, right) => {
        const expected = timeline('a', ...left)
        const actual = timeline('b', ...right)
        const { isSame, differences } = compareTimelines(expected, actual)
        expect(isSame).toBe(JSON.stringify(left) === JSON.stringify(right))
        const count = (kind: string) => differences.filter((each) => each.kind === kind).length
        expect(expected.length - count('missing')).toBe(actual.length - count('unexpected'))
        const seqs = differences.flatMap((each) => each.expected?.seq ?? [])
        expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b))
      }),
    )
  })
})
