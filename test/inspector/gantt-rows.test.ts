import { describe, expect, it } from 'vitest'
import { type GanttRow, toGanttRows, visibleRows } from '../../src/inspector/model/gantt-rows.js'
import { recordDay } from './recorded-day.js'

const outline = (rows: readonly GanttRow[]): unknown[] =>
  rows.map(({ kind, label, bars, children }) => [
    `${kind} ${label}: ${bars.map((bar) => bar.kind).join(' ')}`,
    ...outline(children),
  ])

describe('toGanttRows()', () => {
  it('tells of pipelines, visits, attempts, retries and waits as a tree', async () => {
    const { timelineStore, ended } = await recordDay()
    const rows = toGanttRows(await timelineStore.getEvents(ended.runId))
    expect(outline(rows)).toEqual([
      [
        'pipeline main: ok',
        ['stage count: ok', ['step add: failed retry ok']],
        ['stage count: ok', ['step add: ok']],
        ['stage ask: ok'],
        ['wait waits: wait'],
        [
          'stage fan: ok',
          ['pipeline child 0: ok', ['stage only: ok', ['step s: ok']]],
          ['pipeline child 1: ok', ['stage only: ok', ['step s: ok']]],
        ],
      ],
    ])
    expect(rows[0]!.children.map(({ note }) => note)).toEqual([
      undefined,
      'visit 2',
      undefined,
      'by order:approved',
      undefined,
    ])
  })

  it('leaves open what goes on, and ends with the run what does not', async () => {
    const { timelineStore, runtime, waiting } = await recordDay()
    const before = toGanttRows(await timelineStore.getEvents(waiting.runId))
    const wait = before[0]!.children.at(-1)!
    expect(wait).toMatchObject({ kind: 'wait', bars: [{ kind: 'wait' }] })
    expect(wait.bars[0]!.to).toBeUndefined()
    await runtime.stop()
    const [root] = toGanttRows(await timelineStore.getEvents(waiting.runId))
    expect(root!.bars[0]!.kind).toBe('aborted')
    const open = visibleRows([root!], new Set()).flatMap(({ bars }) =>
      bars.filter(({ to }) => to === undefined),
    )
    expect(open).toEqual([])
  })

  it('shows what a timeline with losses still tells', async () => {
    const { timelineStore, ended } = await recordDay()
    const events = await timelineStore.getEvents(ended.runId)
    for (let from = 0; from < events.length; from++) {
      expect(() => toGanttRows(events.filter((_event, index) => index % 7 !== from % 7))).not.toThrow()
    }
    const rows = toGanttRows(events.filter(({ type }) => !type.endsWith(':start')))
    expect(rows.every(({ bars }) => bars.every(({ from }) => from >= 1))).toBe(true)
  })

  it('leaves out what is below a row that is shut', async () => {
    const { timelineStore, ended } = await recordDay()
    const rows = toGanttRows(await timelineStore.getEvents(ended.runId))
    expect(visibleRows(rows, new Set([rows[0]!.id])).map(({ label }) => label)).toEqual(['main'])
  })
})
