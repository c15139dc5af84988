import { cpus, totalmem } from 'node:os'
import type { Outcome, Standing } from './contest.js'

/** What it was measured on. */
export function describeMachine(): string {
  const cores = cpus()
  const memory = Math.round(totalmem() / 1024 ** 3)
  return `${cores.length} cores (${cores[0]?.model.trim() ?? 'unknown'}), ${memory} GB, Node ${process.version}`
}

/** The table of one workload, in Markdown. */
export function toTable({ title, unit, rounds, load, standings, verdicts, absent }: Outcome): string {
  const rows = standings.map((each) => [
    each.contestant,
    format(each.median),
    `${format(each.min)} – ${format(each.max)}`,
    each.ratio.toFixed(2),
    `${each.ratioMin.toFixed(2)} – ${each.ratioMax.toFixed(2)}`,
  ])
  const lines = [
    `**${title}**`,
    '',
    ...align([['', unit, 'range', 'ratio', 'range of the ratio'], ...rows]),
    '',
    `${rounds} ${rounds === 1 ? 'round' : 'rounds'}, load ${load[0]} before and ${load[1]} after.`,
  ]
  for (const { contestant, reason } of absent) lines.push('', `Left out: ${contestant}, ${reason}.`)
  for (const { what, value, isMet } of verdicts) {
    lines.push('', `Goal: ${what}. ${isMet ? 'Met' : '**Missed**'}: ${value.toFixed(2)}.`)
  }
  return lines.join('\n')
}

/** Bars of the medians, for the documentation. */
export function toChart({ title, unit, standings }: Outcome): string {
  const rowHeight = 26
  const left = 250
  const width = 760
  const most = Math.max(...standings.map(({ max }) => max), 0)
  const scale = (figure: number) => (most === 0 ? 0 : (Math.max(0, figure) / most) * (width - left - 130))
  const height = standings.length * rowHeight + 50
  const bar = ({ contestant, median, min, max }: Standing, index: number) => {
    const y = 40 + index * rowHeight
    const fill = contestant.startsWith('busline') ? '#2563eb' : '#94a3b8'
    const spread = `M${left + scale(min)} ${y + 9}H${left + scale(max)}`
    return [
      `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${escape(contestant)}</text>`,
      `<rect x="${left}" y="${y}" width="${scale(median).toFixed(1)}" height="18" fill="${fill}"/>`,
      `<path d="${spread}" stroke-width="1.5"/>`,
      `<text x="${(left + scale(max) + 6).toFixed(1)}" y="${y + 13}">${format(median)}</text>`,
    ].join('')
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    '<style>.ground{fill:#fff}text{fill:#0f172a}path{stroke:#0f172a}',
    '@media (prefers-color-scheme:dark){.ground{fill:#1b1b1f}text{fill:#dfdfd6}path{stroke:#dfdfd6}}</style>',
    `<rect class="ground" width="${width}" height="${height}"/>`,
    `<text x="12" y="22" font-size="14" font-weight="bold">${escape(title)} (${escape(unit)})</text>`,
    ...standings.map(bar),
    '</svg>',
    '',
  ].join('\n')
}

/** The rows of a table in Markdown, the first of them its head. */
export function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(' | ')} |`
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(rows[0]!), `| ${rule.join(' | ')} |`, ...rows.slice(1).map(line)]
}

function format(figure: number): string {
  if (Math.abs(figure) >= 100) return Math.round(figure).toLocaleString('en')
  return String(Number(figure.toPrecision(3)))
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
