import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ERROR_CODES } from 'busline'
import { findErrorSources } from './error-sources.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}/docs/errors.md`, 'utf8')
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text] as const),
)
/** The folders of the core; what stands beside it has pages of its own. */
const CORE = ['core', 'bus', 'container', 'state', 'storage', 'pipeline', 'timeline', 'runtime']
const sources = CORE.flatMap((folder) => findErrorSources(root, `src/${folder}`))

/** The fields that a section lists in the first column of its table. */
function documentedFields(code: string): readonly string[] {
  const rows = sections.get(code)!.match(/^\| `.*?\|/gm) ?? []
  return rows.flatMap((row) => [...row.matchAll(/`(\w+)`/g)].map(([, name]) => name!))
}

describe('the page of errors', () => {
  it('has a section for each code and none for anything else, in the same order', () => {
    expect([...sections.keys()]).toEqual([...ERROR_CODES])
  })

  it.each(ERROR_CODES)('says of %s when it occurs and what to do', (code) => {
    expect(sections.get(code)).toMatch(/^\*\*When\.\*\* \S/m)
    expect(sections.get(code)).toMatch(/^\*\*What to do\.\*\* \S/m)
  })

  it('names every field that the sources write into the context of an error', () => {
    expect(sources.length).toBeGreaterThan(60)
    const missing = sources.flatMap(({ at, code, fields }) =>
      fields
        .filter((name) => !documentedFields(code).includes(name))
        .map((name) => `docs/errors.md, section ${code}: add the field "${name}", which ${at} gives`),
    )
    expect(missing).toEqual([])
  })

  it('names no field that no error has', () => {
    const texts = [...new Set(sources.map(({ at }) => at.replace(/:\d+$/, '')))]
      .concat('src/pipeline/attempt.ts', 'src/container/container-errors.ts')
      .map((file) => readFileSync(`${root}/${file}`, 'utf8'))
    const isWritten = (name: string) =>
      texts.some((text) => new RegExp(`(?<![.\\w])${name}(,|:| }|\\n)`).test(text))
    const invented = ERROR_CODES.flatMap((code) =>
      documentedFields(code)
        .filter((name) => !isWritten(name))
        .map((name) => `${code}: ${name}`),
    )
    expect(invented).toEqual([])
  })
})
