import type { Style, Terminal } from './terminal.js'

/** A line of the table: its name and a cell per column. Without cells it is a line of its own, such as a gap. */
export interface TableRow {
  readonly name: string
  readonly cells?: readonly string[]
  readonly style?: Style
}

const GAP = 2

/**
 * A table with names at the left and columns aligned at the right. Columns that do not fit into the width go into
 * another block below, with the names repeated, so nothing is cut off.
 */
export function renderTable(rows: readonly TableRow[], { width, paint }: Terminal): string {
  const nameWidth = Math.max(...rows.map(({ name }) => name.length))
  const columnCount = Math.max(...rows.map(({ cells }) => cells?.length ?? 0))
  const widths = Array.from({ length: columnCount }, (_, column) =>
    Math.max(...rows.map(({ cells }) => cells?.[column]?.length ?? 0)),
  )
  const line = ({ name, cells, style }: TableRow, columns: readonly number[]) => {
    const shown = columns.map((column) => {
      const cell = (cells?.[column] ?? '').padStart(widths[column]! + GAP)
      return style || cell.trim() !== '·' ? cell : paint('dim', cell)
    })
    const text = `${name.padEnd(nameWidth)}${shown.join('')}`.trimEnd()
    return style ? paint(style, text) : text
  }
  return splitColumns(widths, width - nameWidth)
    .map((columns) => rows.map((row) => line(row, columns)).join('\n'))
    .join('\n\n')
}

/** Columns in groups, each as wide as fits, and of about as many columns as the others. */
function splitColumns(widths: readonly number[], room: number): number[][] {
  const blocks = (most: number) => {
    const groups: number[][] = []
    let free = 0
    for (const [column, width] of widths.entries()) {
      free -= width + GAP
      if (groups.length === 0 || free < 0 || groups.at(-1)!.length === most) {
        groups.push([])
        free = room - width - GAP
      }
      groups.at(-1)!.push(column)
    }
    return groups
  }
  const fewest = blocks(Infinity).length
  const even = blocks(Math.ceil(widths.length / fewest))
  return even.length === fewest ? even : blocks(Infinity)
}
