/** The table of a report that was printed in one block: a map per workflow, from the name of a row to its count. */
export function readTable(report: string): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const lines = report.split('\n')
  const header = lines.findIndex((line) => line.trimEnd().endsWith(' all'))
  if (header < 0) throw new Error(`There is no table in one block:\n${report}`)
  const names = lines[header]!.trim().split(/ {2,}/)
  const columns = new Map(names.map((name) => [name, new Map<string, number>()]))
  for (const line of lines.slice(header + 1)) {
    if (line.trim() === '') break
    const [, name = '', rest = ''] = /^ {0,2}(\S+(?: \S+)*) {2,}(.*)$/.exec(line) ?? []
    const cells = rest.trim().split(/ {2,}/)
    if (cells.length !== names.length || !cells.every((cell) => /^(\d+|·)$/.test(cell))) continue
    for (const [index, cell] of cells.entries()) {
      columns.get(names[index]!)!.set(name, cell === '·' ? 0 : Number(cell))
    }
  }
  return columns
}
