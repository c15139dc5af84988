/** A piece of code in a page, and what is to be done with it. */
export interface CodeBlock {
  /** The page, from the root of the repository. */
  readonly file: string
  /** The line of the page on which the code begins, from 1. */
  readonly line: number
  readonly code: string
  /** Whether it is executed; a block marked `no-run` is only compiled. */
  readonly runs: boolean
  /** What its `console.log` calls are said to print, by the line of the page on which the call stands. */
  readonly outputs: readonly ExpectedOutput[]
}

export interface ExpectedOutput {
  readonly line: number
  /** Lines of output, of all calls that were made there; `…` stands for anything. */
  readonly text: readonly string[]
}

/** The TypeScript blocks of a page: fenced with ```` ```ts ````, or ```` ```ts no-run ````. */
export function extractCodeBlocks(page: string, file: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = []
  const lines = page.split('\n')
  for (let index = 0; index < lines.length; index++) {
    const fence = /^```(\S+)(.*)$/.exec(lines[index]!)
    if (!fence) continue
    const start = ++index
    while (index < lines.length && lines[index] !== '```') index++
    if (index === lines.length) throw new Error(`${file}:${start}: the block is never closed`)
    const [, language, mark] = fence
    if (language !== 'ts') continue
    if (mark !== '' && mark !== ' no-run') {
      throw new Error(`${file}:${start}: unknown mark "${mark}" of a ts block`)
    }
    const code = lines.slice(start, index)
    const outputs = readOutputs(code, start + 1)
    blocks.push({ file, line: start + 1, code: code.join('\n'), runs: mark === '', outputs })
  }
  return blocks
}

/** Comments `// → text` belong to the last `console.log` before them, on its line or on the lines that follow. */
function readOutputs(code: readonly string[], firstLine: number): readonly ExpectedOutput[] {
  const outputs: { line: number; text: string[] }[] = []
  let callLine: number | undefined
  code.forEach((text, index) => {
    const line = firstLine + index
    if (text.includes('console.log(')) callLine = line
    const [, output] = /\/\/ → (.*)$/.exec(text) ?? []
    if (output === undefined) return
    if (callLine === undefined) throw new Error(`Line ${line}: "// →" follows no console.log`)
    const last = outputs.at(-1)
    if (last?.line === callLine) last.text.push(output)
    else outputs.push({ line: callLine, text: [output] })
  })
  return outputs
}
