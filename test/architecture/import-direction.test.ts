import { describe, expect, it } from 'vitest'
import { type SourceImport, folderOf, readSource, sourceFiles, sourceImports } from './source-imports.js'

const BELOW_RUNTIME = ['core', 'bus', 'container', 'state', 'storage', 'pipeline', 'timeline']
const BELOW_LEAVES = [...BELOW_RUNTIME, 'runtime']
const LEAVES = ['inspector', 'plan', 'workers', 'remote', 'cluster', 'automation']

/** Which folders the files of a folder may import, besides their own. Imports point up, as in `docs/architecture.md`. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  bus: ['core'],
  container: ['core'],
  state: ['core'],
  storage: ['core'],
  pipeline: ['core', 'container', 'state'],
  timeline: ['core', 'storage'],
  runtime: BELOW_RUNTIME,
  // Leaves: each could be removed without anything else noticing, and none knows of another.
  ...Object.fromEntries(LEAVES.map((leaf) => [leaf, BELOW_LEAVES])),
  // The command puts all of it together, and nothing imports it; nor what is for tests.
  cli: [...BELOW_LEAVES, ...LEAVES],
  testing: [...BELOW_LEAVES, ...LEAVES],
  // The root entry is what every application loads: no leaf may come with it.
  '': BELOW_LEAVES,
}

const MAX_LINES = 350

/** Files that hold two ideas still. Take out what has become short enough; put nothing in. */
const STILL_TOO_LONG: readonly string[] = ['pipeline/pipeline-run.ts']

const files = sourceFiles()
const imports = sourceImports(files)

describe('the layout of src/', () => {
  it('knows every folder', () => {
    expect(imports.length).toBeGreaterThan(300)
    const unknown = [...new Set(files.map(folderOf))].filter((folder) => !Object.hasOwn(MAY_IMPORT, folder))
    expect(unknown).toEqual([])
  })

  it('has no import against its direction', () => {
    const wrong = imports.filter(({ from, to }) => {
      const [here, there] = [folderOf(from), folderOf(to)]
      return here !== there && !MAY_IMPORT[here]!.includes(there)
    })
    expect(wrong.map(show)).toEqual([])
  })

  it('imports only files that exist', () => {
    const known = new Set(files)
    expect(imports.filter(({ to }) => !known.has(to)).map(show)).toEqual([])
  })

  it('has no files that import each other when they run', () => {
    expect(cycles(imports.filter(({ isTypeOnly }) => !isTypeOnly))).toEqual([])
  })

  it(`has no file of more than ${MAX_LINES} lines`, () => {
    const tooLong = files.filter((file) => readSource(file).split('\n').length - 1 > MAX_LINES)
    expect(tooLong.filter((file) => !STILL_TOO_LONG.includes(file))).toEqual([])
    expect(STILL_TOO_LONG.filter((file) => !files.includes(file))).toEqual([])
  })
})

describe('cycles()', () => {
  const edge = (from: string, to: string): SourceImport => ({ from, to, isTypeOnly: false })

  it('finds a cycle over several files, once', () => {
    expect(cycles([edge('a', 'b'), edge('b', 'c'), edge('c', 'a'), edge('d', 'a')])).toEqual([
      'a → b → c → a',
    ])
  })

  it('finds none where two ways lead to one file', () => {
    expect(cycles([edge('a', 'b'), edge('a', 'c'), edge('b', 'd'), edge('c', 'd')])).toEqual([])
  })
})

/** Each way from a file back to itself that a search in depth comes upon. */
function cycles(edges: readonly SourceImport[]): string[] {
  const next = new Map<string, SourceImport[]>()
  for (const each of edges) next.set(each.from, [...(next.get(each.from) ?? []), each])
  const found: string[] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    const at = path.indexOf(file)
    if (at >= 0) {
      found.push([...path.slice(at), file].join(' → '))
      return
    }
    if (done.has(file)) return
    path.push(file)
    for (const { to } of next.get(file) ?? []) visit(to)
    path.pop()
    done.add(file)
  }
  for (const { from } of edges) visit(from)
  return found
}

function show({ from, to }: SourceImport): string {
  return `${from} → ${to}`
}
