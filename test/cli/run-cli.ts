import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, vi } from 'vitest'

// A process takes a second or two to start, and on a busy machine many more; some tests start ten.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export const fixture = (name: string) => `test/cli/fixtures/${name}`

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves when the process has printed what matches. */
  readonly prints: (pattern: RegExp) => Promise<RegExpExecArray>
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
}

/** Starts `busline` as a process of its own, from its sources. */
export function startCli(args: readonly string[], options?: CliOptions): Started {
  return startScript('src/cli/main.ts', args, options)
}

/** Starts a program that is written in TypeScript as a process of its own. */
export function startScript(
  file: string,
  args: readonly string[],
  { env = {}, stdin }: CliOptions = {},
): Started {
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    cwd: ROOT,
    env: { ...process.env, COLUMNS: '100', ...env },
  })
  const output = { stdout: '', stderr: '' }
  const listeners = new Set<() => void>()
  const heard = (name: 'stdout' | 'stderr') => (text: string) => {
    output[name] += text
    for (const listener of listeners) listener()
  }
  child.stdout.setEncoding('utf8').on('data', heard('stdout'))
  child.stderr.setEncoding('utf8').on('data', heard('stderr'))
  // A process that ends before it has read everything is no fault of the test.
  child.stdin.on('error', () => {})
  if (stdin !== undefined) child.stdin.end(stdin)
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...output }))
  })
  const prints = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
        if (found) resolve(found)
      }
      listeners.add(look)
      void ended.then(() => reject(new Error(`It ended without printing ${pattern}: ${output.stderr}`)))
      look()
    })
  return { child, ended, prints }
}

export function runCli(args: readonly string[], options?: CliOptions): Promise<Ended> {
  return startCli(args, { stdin: '', ...options }).ended
}

/** A folder for the files of one test file, gone after it. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'busline-cli-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const path = (name: string) => join(folder, name)
  const write = (name: string, ...lines: readonly unknown[]) => {
    const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
    writeFileSync(path(name), texts.join('\n'))
    return path(name)
  }
  return { folder, path, write }
}

export const placed = (orderId: string, more: object = {}) => ({
  type: 'order:placed',
  payload: { orderId, ...more },
})
export const paid = (orderId: string) => ({ type: 'order:paid', payload: { orderId } })
