import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { type CodeBlock, extractCodeBlocks } from './code-block.js'
import { compileBlocks } from './compile-blocks.js'
import { runBlocks } from './run-blocks.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (file: string) => readFileSync(`${root}/${file}`, 'utf8')
const pages = [
  'README.md',
  ...readdirSync(`${root}/docs`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !/(^|\/)(node_modules|dist|api)\//.test(name))
    .map((name) => `docs/${name}`),
]
const blocks = pages.flatMap((page) => extractCodeBlocks(read(page), page))
const FAULTY = 'test/docs/fixtures/faulty.md'
const all = [...blocks, ...extractCodeBlocks(read(FAULTY), FAULTY)]
const runnable = all.filter(({ runs }) => runs)

/** Both are expensive: once for all tests. */
let compiled: readonly string[]
let ran: ReadonlyMap<CodeBlock, readonly string[]>

beforeAll(async () => {
  const hangs = ({ file, code }: CodeBlock) => file === FAULTY && code.includes('setInterval')
  const running = runBlocks(runnable, root, {
    // Far more than any needs, also on a busy machine; one is known not to end.
    timeLimitMs: (block) => (hangs(block) ? 2_000 : 20_000),
  })
  compiled = compileBlocks(all, root)
  const faults = await running
  ran = new Map(runnable.map((block, index) => [block, faults[index]!]))
}, 150_000)

describe('the code in the pages', () => {
  it('compiles', () => {
    expect(compiled.filter((fault) => !fault.startsWith(FAULTY))).toEqual([])
  })

  it('imports only what the package exports', () => {
    const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, unknown> }
    const wrong = blocks.flatMap(({ file, line, code }) =>
      [...code.matchAll(/from 'busline(\/[^']+)?'/g)]
        .map(([, path = '']) => `.${path}`)
        .filter((path) => !(path in exports))
        .map((path) => `${file}:${line}: ${path}`),
    )
    expect(wrong).toEqual([])
  })

  it.each(blocks.filter(({ runs }) => runs).map((block) => [`${block.file}:${block.line}`, block] as const))(
    '%s runs, ends by itself, and prints what the page says',
    (_, block) => {
      expect(ran.get(block)).toEqual([])
    },
  )
})

describe('the check of the code in the pages', () => {
  const faultsOf = (text: string) => {
    const block = runnable.find(({ file, code }) => file === FAULTY && code.includes(text))!
    return ran.get(block)!.join('\n')
  }

  it('names page and line of what does not compile', () => {
    expect(compiled.filter((fault) => fault.startsWith(FAULTY))).toEqual([
      expect.stringMatching(/^test\/docs\/fixtures\/faulty\.md:23: .*"order:plaecd"/),
    ])
  })

  it('finds output that is as the page says, in one line, in several, and where parts of it vary', () => {
    expect(faultsOf("'as', 'said'")).toBe('')
  })

  it('finds output that is not what the page says, or is not there', () => {
    expect(faultsOf('one thing')).toBe(`${FAULTY}:27: prints one thing where the page says another`)
    expect(faultsOf('never')).toBe(`${FAULTY}:32: prints nothing where the page says called`)
  })

  it('finds what throws, what rejects unheard, and what does not end', () => {
    expect(faultsOf('await Promise.resolve()')).toContain('throws Error: wrong')
    expect(faultsOf('Promise.reject')).toContain('throws Error: unheard')
    expect(faultsOf('setInterval')).toContain('did not end by itself')
  })

  it('refuses a mark it does not know, and a block without an end', () => {
    expect(() => extractCodeBlocks('```ts norun\n```', 'page.md')).toThrow('unknown mark " norun"')
    expect(() => extractCodeBlocks('```ts\n', 'page.md')).toThrow('page.md:1: the block is never closed')
  })
})
