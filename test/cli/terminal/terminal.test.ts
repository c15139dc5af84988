import { describe, expect, it } from 'vitest'
import { formatMs } from '../../../src/cli/terminal/durations.js'
import { createProgressLine } from '../../../src/cli/terminal/progress-line.js'
import { renderTable } from '../../../src/cli/terminal/table.js'
import { type Terminal, oneLine, openTerminal } from '../../../src/cli/terminal/terminal.js'

function fakeStream(columns: number, isTTY = true) {
  const written: string[] = []
  const stream = { isTTY, columns, hasColors: () => true, write: (text: string) => written.push(text) }
  return { stream: stream as unknown as NodeJS.WriteStream, written }
}

const plain = (width: number): Terminal => ({
  width,
  isLive: false,
  paint: (_, text) => text,
  write: () => {},
})

describe('openTerminal()', () => {
  it('paints on a terminal, but not in a pipe, with NO_COLOR or on a dumb terminal', () => {
    const painted = (isTTY: boolean, env: NodeJS.ProcessEnv) =>
      openTerminal(fakeStream(80, isTTY).stream, env).paint('red', 'x') !== 'x'
    expect(painted(true, {})).toBe(true)
    expect(painted(false, {})).toBe(false)
    expect(painted(true, { NO_COLOR: '1' })).toBe(false)
    expect(painted(true, { TERM: 'dumb' })).toBe(false)
  })

  it('is as wide as the window, as COLUMNS says, or 100, within bounds', () => {
    expect(openTerminal(fakeStream(80).stream, { COLUMNS: '60' }).width).toBe(79)
    expect(openTerminal(fakeStream(0, false).stream, { COLUMNS: '60' }).width).toBe(59)
    expect(openTerminal(fakeStream(0, false).stream, {}).width).toBe(99)
    expect(openTerminal(fakeStream(0, false).stream, { COLUMNS: 'wide' }).width).toBe(99)
    expect(openTerminal(fakeStream(7).stream, {}).width).toBe(39)
    expect(openTerminal(fakeStream(900).stream, {}).width).toBe(139)
  })
})

describe('createProgressLine()', () => {
  const progress = { total: 4, running: 1, paused: 0, ended: 0, elapsedMs: 5 }

  it('overwrites one line on a terminal and gives the cursor back', async () => {
    const { stream, written } = fakeStream(80)
    const line = createProgressLine(openTerminal(stream, { NO_COLOR: '1' }))
    await line.show({ ...progress, published: 4 })
    line.end()
    const text = written.join('')
    expect(text).toMatch(/\r\u001b\[2K█{20,} 4\/4 events · {2}1 running/)
    expect(text).not.toContain('\n')
    expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'))
  })

  it('never fills the line of a narrow terminal', async () => {
    for (const columns of [40, 50, 60, 70]) {
      const { stream, written } = fakeStream(columns)
      const line = createProgressLine(openTerminal(stream, { NO_COLOR: '1' }))
      await line.show({ ...progress, published: 4, total: 4 })
      const [, drawn = ''] = written.join('').split('\u001b[2K')
      expect(drawn.length).toBeLessThan(columns)
      line.end()
    }
  })

  it('writes a line per tenth into a pipe', async () => {
    const { stream, written } = fakeStream(80, false)
    const line = createProgressLine(openTerminal(stream, {}))
    for (let published = 1; published <= 100; published++)
      await line.show({ ...progress, published, total: 100 })
    expect(written).toHaveLength(10)
    expect(written[9]).toBe('100/100 events · 1 running · 0 asleep · 0 done · 5 ms\n')
  })
})

describe('renderTable()', () => {
  const rows = [
    { name: '', cells: ['one', 'two', 'three', 'four'] },
    { name: 'events', cells: ['1', '·', '333', '4'] },
  ]

  it('puts all columns side by side where they fit', () => {
    expect(renderTable(rows, plain(80))).toBe(
      ['        one  two  three  four', 'events    1    ·    333     4'].join('\n'),
    )
  })

  it('goes on below, with the names again, where they do not', () => {
    expect(renderTable(rows, plain(20))).toBe(
      ['        one  two', 'events    1    ·', '', '        three  four', 'events    333     4'].join('\n'),
    )
  })

  it('shows a column that is wider than the window', () => {
    expect(renderTable(rows, plain(5)).split('\n\n')).toHaveLength(4)
  })
})

describe('oneLine()', () => {
  it('leaves nothing that could move the cursor, and no more than is allowed', () => {
    expect(oneLine('a\nb\u001b[31m\u202ec')).toBe('a b·[31m·c')
    expect(oneLine('abcdef', 4)).toBe('abc…')
    expect(oneLine('abcd', 4)).toBe('abcd')
  })
})

describe('formatMs()', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1000, '1.00 s'],
    [9994, '9.99 s'],
    [9995, '10.0 s'],
    [59_949, '59.9 s'],
    [59_950, '1 m 00 s'],
    [125_000, '2 m 05 s'],
  ])('says %i as %s', (ms, text) => expect(formatMs(ms)).toBe(text))
})
