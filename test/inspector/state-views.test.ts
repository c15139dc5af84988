import { describe, expect, it } from 'vitest'
import { type TimelineEvent, TimelinePlayer } from 'busline'
import { stateChanges } from '../../src/inspector/model/state-changes.js'
import { MAX_CHILDREN, previewOf, toValueRows } from '../../src/inspector/model/value-rows.js'
import { recordDay } from './recorded-day.js'

const eventWith = (...paths: (string | number)[][]) =>
  ({ delta: paths.map((path) => ({ op: 'replace', path })) }) as unknown as TimelineEvent

describe('stateChanges()', () => {
  it('tells what each event of a run changed', async () => {
    const { timelineStore, ended } = await recordDay()
    const player = new TimelinePlayer(timelineStore, ended.runId)
    const told: string[] = []
    let before = player.state
    for await (const event of player) {
      for (const { path, kind } of stateChanges(event, before, player.state)) told.push(`${kind} ${path}`)
      before = player.state
    }
    expect(told).toEqual(['added n', 'changed n', 'changed n', 'added child'])
  })

  it('tells of a shortened list by the list, and of what is gone', () => {
    const changes = stateChanges(
      eventWith(['list', 'length'], ['gone']),
      { list: [1, 2], gone: 1 },
      { list: [1] },
    )
    expect(changes).toEqual([
      { path: 'list', kind: 'changed', before: [1, 2], after: [1] },
      { path: 'gone', kind: 'removed', before: 1, after: undefined },
    ])
  })

  it('says nothing of what was written and is the same', () => {
    expect(stateChanges(eventWith(['a']), { a: 1 }, { a: 1 })).toEqual([])
  })
})

describe('toValueRows()', () => {
  it('opens what is expanded and nothing else', () => {
    const value = { a: { b: { c: 1 } }, d: [] }
    const lines = (...open: string[]) => toValueRows(value, new Set(open)).map(({ path }) => path)
    expect(lines()).toEqual(['a', 'd'])
    expect(lines('a', 'a.b')).toEqual(['a', 'a.b', 'a.b.c', 'd'])
    expect(lines('a.b')).toEqual(['a', 'd'])
  })

  it('shows a bounded part of a state of 5 MB, and reads no more of it', () => {
    const rows = Object.fromEntries(
      Array.from({ length: 5000 }, (_, index) => [`row-${index}`, 'x'.repeat(1000)]),
    )
    let reads = 0
    const counted = new Proxy(rows, { get: (target, key: string) => (reads++, target[key]) })
    const lines = toValueRows({ rows: counted, text: 'y'.repeat(1_000_000) }, new Set(['rows']))
    expect(reads).toBeLessThan(3 * MAX_CHILDREN)
    expect(lines).toHaveLength(MAX_CHILDREN + 3)
    expect(lines.at(-2)!.preview).toBe(`${5000 - MAX_CHILDREN} more`)
    expect(Math.max(...lines.map(({ preview }) => preview.length))).toBeLessThan(250)
  })

  it('has a line for every kind of value', () => {
    const values = [
      undefined,
      null,
      1,
      NaN,
      'a',
      true,
      [],
      {},
      [1, 'a'],
      new Date(0),
      new Date(NaN),
      new Uint8Array(3),
      5n,
    ]
    expect(values.map(previewOf)).toEqual([
      'undefined',
      'null',
      '1',
      'NaN',
      '"a"',
      'true',
      '[]',
      '{}',
      '[1, "a"]',
      '1970-01-01T00:00:00.000Z',
      'invalid date',
      '3 bytes',
      '5',
    ])
  })
})
