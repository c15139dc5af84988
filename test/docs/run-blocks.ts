import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BuildFailure, build } from 'esbuild'
import type { BlockReport, BlockToRun } from './block-runner.js'
import type { CodeBlock } from './code-block.js'

export interface RunBlocksOptions {
  /** How long a block may take, milliseconds. */
  readonly timeLimitMs: (block: CodeBlock) => number
}

/**
 * Executes all blocks, each in a thread of its own, in one process with an empty working directory. Returns what each did wrong:
 * it threw, did not end by itself, or printed something else than its page says. In the order of the blocks.
 */
export async function runBlocks(
  blocks: readonly CodeBlock[],
  root: string,
  { timeLimitMs }: RunBlocksOptions,
): Promise<readonly string[][]> {
  // Within the repository, where the packages are found.
  const caches = join(root, 'node_modules', '.cache')
  await mkdir(caches, { recursive: true })
  const bundles = await mkdtemp(join(caches, 'code-blocks-'))
  const workplace = await mkdtemp(join(tmpdir(), 'busline-code-blocks-'))
  try {
    const refused = await bundleWhatCan(blocks, root, bundles)
    const plan = blocks.flatMap((block, index): BlockToRun[] => {
      const module = join(bundles, `block-${index}.js`)
      return refused.has(index) ? [] : [{ index, module, timeLimitMs: timeLimitMs(block) }]
    })
    await writeFile(join(bundles, 'plan.json'), JSON.stringify(plan))
    const reports = await runAll(join(bundles, 'block-runner.js'), join(bundles, 'plan.json'), workplace)
    return blocks.map((block, index) => {
      const refusal = refused.get(index)
      return refusal === undefined ? judge(block, reports[index]!) : [refusal]
    })
  } finally {
    await rm(bundles, { recursive: true, force: true })
    await rm(workplace, { recursive: true, force: true })
  }
}

/** A block that cannot be bundled must not keep the others from running. Returns why, by its place among the blocks. */
async function bundleWhatCan(
  blocks: readonly CodeBlock[],
  root: string,
  outdir: string,
): Promise<ReadonlyMap<number, string>> {
  const refused = new Map<number, string>()
  for (;;) {
    try {
      await bundle(blocks, root, outdir, refused)
      return refused
    } catch (error) {
      const before = refused.size
      for (const { text, location } of (error as BuildFailure).errors ?? []) {
        const [, index] = /^block:(\d+)$/.exec(location?.file ?? '') ?? []
        if (index !== undefined) {
          refused.set(Number(index), `${blocks[Number(index)]!.file}:${location!.line}: ${text}`)
        }
      }
      if (refused.size === before) throw error
    }
  }
}

async function bundle(
  blocks: readonly CodeBlock[],
  root: string,
  outdir: string,
  without: ReadonlyMap<number, string>,
): Promise<void> {
  await build({
    entryPoints: [
      ...blocks
        .map((_, index) => ({ in: `block:${index}`, out: `block-${index}` }))
        .filter((_, index) => !without.has(index)),
      { in: join(root, 'test/docs/block-runner.ts'), out: 'block-runner' },
      // Started from files that stand beside the code that starts them.
      { in: join(root, 'src/plan/sandbox/engine-worker.ts'), out: 'engine-worker' },
      { in: join(root, 'src/plan/node/thread-worker.ts'), out: 'thread-worker' },
    ],
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'code-blocks',
        setup(bundler) {
          bundler.onResolve({ filter: /^block:/ }, ({ path }) => ({
            path: path.slice(6),
            namespace: 'block',
          }))
          bundler.onLoad({ filter: /.*/, namespace: 'block' }, ({ path }) => {
            const { code, line } = blocks[Number(path)]!
            return { contents: '\n'.repeat(line - 1) + code, loader: 'ts', resolveDir: root }
          })
          bundler.onResolve({ filter: /^busline(\/|$)/ }, ({ path }) => ({
            path: join(root, 'src', path.slice('busline'.length), 'index.ts'),
          }))
        },
      },
    ],
  })
}

function runAll(runner: string, plan: string, cwd: string): Promise<readonly BlockReport[]> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [runner, plan],
      { cwd, maxBuffer: 2 ** 26, timeout: 120_000, env: { ...process.env, NODE_OPTIONS: '' } },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`The runner of code blocks failed: ${stderr}`, { cause: error }))
        else resolve(JSON.parse(stdout) as BlockReport[])
      },
    )
  })
}

function judge({ file, line, outputs }: CodeBlock, { failure, printed }: BlockReport): string[] {
  if (failure !== undefined) return [`${file}:${line}: ${failure}`]
  return outputs.flatMap((expected) => {
    const actual = printed
      .filter((each) => each.line === expected.line)
      .flatMap(({ text }) => text.split('\n'))
    const fits =
      actual.length === expected.text.length &&
      actual.every((text, index) => matches(text, expected.text[index]!))
    if (fits) return []
    const said = actual.length === 0 ? 'nothing' : actual.join(' ⏎ ')
    return [`${file}:${expected.line}: prints ${said} where the page says ${expected.text.join(' ⏎ ')}`]
  })
}

function matches(text: string, expected: string): boolean {
  let from = 0
  const parts = expected.trimEnd().split('…')
  return parts.every((part, index) => {
    const isLast = index === parts.length - 1
    const at = index === 0 ? 0 : isLast ? text.length - part.length : text.indexOf(part, from)
    const isThere = at >= from && text.startsWith(part, at) && (!isLast || at + part.length === text.length)
    from = at + part.length
    return isThere
  })
}
