import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fixture, paid, placed, runCli, startCli, temporaryFolder } from './run-cli.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { path, write } = temporaryFolder()
const COMMANDS = ['run', 'runs', 'show', 'inspect', 'demo']

describe('busline', () => {
  it('tells its commands, and each command its options', async () => {
    for (const args of [[], ['--help'], ['help']]) {
      const { code, stdout } = await runCli(args)
      expect(code).toBe(0)
      for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    }
    for (const name of COMMANDS) {
      const { code, stdout, stderr } = await runCli([name, '--help'])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain(`Usage: busline ${name}`)
      expect(stdout.split('\n').filter((line) => line.length > 110)).toEqual([])
    }
  })

  it('tells a mistake without moving the cursor', async () => {
    const { code, stderr } = await runCli(['\u001b[2Jfly'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^There is no command "·\[2Jfly": .*\n$/)
  })

  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    for (const args of [['--version'], ['-v']]) {
      expect(await runCli(args)).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    }
    expect((await runCli(['--help'])).stdout).toMatch(/^ {2}-v, --version /m)
  })

  it('says what there is for a command that there is not', async () => {
    expect(await runCli(['fly'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'There is no command "fly": there are run, runs, show, inspect, plan, worker, demo\n',
    })
  })
})

describe('busline demo', () => {
  it('shows each mode, and a run as a chart', async () => {
    const { code, stdout, stderr } = await runCli(['demo'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const mode of ['transient', 'serialized', 'singleton_loop', 'exclusive']) {
      expect(stdout).toContain(mode)
    }
    expect(stdout).toMatch(/^order ✓ succeeded after /m)
    expect(stdout).toMatch(/^order ✗ failed after /m)
    expect(stdout).toMatch(/^asleep +░+ .*woken by order:paid$/m)
  })
})

describe('busline inspect', () => {
  it('serves what is in the store until it is interrupted', async () => {
    const store = path('inspected.db')
    const events = write('inspected.ndjson', placed('o-1'), paid('o-1'))
    await runCli(['run', fixture('orders.ts'), '--events', events, '--store', store])
    const started = startCli(['inspect', '--store', store])
    const [url] = await started.prints(/http:\/\/127\.0\.0\.1:\d+\//)
    const answer = await fetch(`${url}api/runs`)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ runs: { length: 3 } })
    started.child.kill('SIGINT')
    expect(await started.ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('refuses a port that is none, and one that is taken', async () => {
    const store = path('inspected.db')
    expect(await runCli(['inspect', '--store', store, '--port', '70000'])).toMatchObject({ code: 2 })
    const first = startCli(['inspect', '--store', store])
    const [, port = ''] = await first.prints(/127\.0\.0\.1:(\d+)/)
    const second = await runCli(['inspect', '--store', store, '--port', port])
    expect(second).toMatchObject({ code: 1, stdout: '' })
    expect(second.stderr).toMatch(/^Cannot serve the inspector on 127\.0\.0\.1:\d+: .*EADDRINUSE.*\n$/)
    first.child.kill('SIGTERM')
    await first.ended
  })
})

describe('the command that is built', () => {
  // Inside the project, so that what is built finds its dependencies.
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
  const folder = mkdtempSync(join(root, 'node_modules/.cache/cli-'))
  const main = join(folder, 'cli/main.js')
  beforeAll(async () => {
    await build({ root, logLevel: 'error', build: { outDir: folder, emptyOutDir: true } })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const runBuilt = (...args: readonly string[]) =>
    spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', cwd: root, env: process.env })

  it('is where the manifest says, and begins as a program', () => {
    const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: object }
    expect(bin).toEqual({ busline: './dist/cli/main.js' })
    expect(readFileSync(main, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  })

  it('knows its version', () => {
    expect(runBuilt('-v')).toMatchObject({ status: 0, stdout: runBuilt('--version').stdout })
    expect(runBuilt('-v').stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it('runs by plain Node, modules of TypeScript included', () => {
    const events = write('built.ndjson', placed('o-1'), paid('o-1'))
    const store = path('built.db')
    const ended = runBuilt('run', fixture('orders.ts'), '--events', events, '--store', store)
    expect(ended).toMatchObject({ status: 0, stderr: '' })
    expect(ended.stdout).toContain('shipped o-1\n')
    expect(runBuilt('runs', '--store', store).stdout.trimEnd().split('\n')).toHaveLength(4)
  })
})
