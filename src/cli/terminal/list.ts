import { type Style, type Terminal, oneLine } from './terminal.js'

export interface Column<Row> {
  readonly title: string
  readonly text: (row: Row) => string
  readonly style?: (row: Row) => Style
  /** @default 'left' */
  readonly align?: 'left' | 'right'
  /** Where there is no room columns are left out, the highest first; those without stay. */
  readonly dispensable?: number
  /** Shortened, where there is no room and nothing can be left out. */
  readonly isElastic?: boolean
}

const GAP = '  '
const NARROWEST = 6

/** Rows below each other, a column per fact. Never wider than the terminal, as far as its columns can be spared. */
export function renderList<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { width, paint }: Terminal,
): string {
  const cells = new Map(columns.map((column) => [column, rows.map((row) => oneLine(column.text(row)))]))
  const wanted = (column: Column<Row>) =>
    Math.max(column.title.length, ...cells.get(column)!.map(({ length }) => length))
  const total = (shown: readonly Column<Row>[]) =>
    shown.reduce((sum, column) => sum + wanted(column), GAP.length * (shown.length - 1))
  let shown = columns.filter((column) => cells.get(column)!.some((text) => text !== ''))
  while (total(shown) > width) {
    const last = shown.reduce<Column<Row> | undefined>(
      (most, each) => ((each.dispensable ?? 0) > (most?.dispensable ?? 0) ? each : most),
      undefined,
    )
    if (!last) break
    shown = shown.filter((each) => each !== last)
  }
  const surplus = Math.max(0, total(shown) - width)
  const widths = shown.map((column) =>
    column.isElastic ? Math.max(NARROWEST, wanted(column) - surplus) : wanted(column),
  )
  const line = (texts: readonly string[], styles: readonly (Style | undefined)[]) =>
    shown
      .map(({ align }, index) => {
        const text = oneLine(texts[index]!, widths[index])
        const padded = align === 'right' ? text.padStart(widths[index]!) : text.padEnd(widths[index]!)
        const style = styles[index]
        return style ? paint(style, padded) : padded
      })
      .join(GAP)
      .trimEnd()
  return [
    line(
      shown.map(({ title }) => title),
      shown.map(() => 'dim'),
    ),
    ...rows.map((row, index) =>
      line(
        shown.map((column) => cells.get(column)![index]!),
        shown.map((column) => column.style?.(row)),
      ),
    ),
  ].join('\n')
}
