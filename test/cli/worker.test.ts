import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fixture, runCli, startCli, temporaryFolder } from './run-cli.js'

const { path, write } = temporaryFolder()
const load = fixture('load.mjs')
const copy = (name: string, more: string) =>
  write(name, `export * from ${JSON.stringify(new URL(`./fixtures/load.mjs`, import.meta.url).href)}`, more)
const from = JSON.stringify(new URL('./fixtures/load.mjs', import.meta.url).href)

describe('busline worker run', () => {
  it('runs the load of a module on threads, prints what came of it, and draws a chart', async () => {
    const chart = path('load.svg')
    const { code, stdout, stderr } = await runCli(['worker', 'run', load, '--workers', '2', '--chart', chart])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('hello from a thread, dear\n')
    expect(stdout).toMatch(/^iterations +200 +[\d.,]+\/s$/m)
    expect(stdout).toMatch(/^errors +20 +10%$/m)
    expect(stdout).toMatch(/^response( +[\d.]+ (µs|ms|s)){5}$/m)
    expect(stdout).toMatch(/^✓ errors rate<0.5 +is 10%$/m)
    expect(stdout).toMatch(/\nsmall passed after [\d.]+ m?s\n$/)
    expect(readFileSync(chart, 'utf8')).toMatch(/^<svg /)
  })

  it('prints nothing but JSON with --json, and exits with 99 when a threshold does not hold', async () => {
    const broken = copy(
      'broken.mjs',
      `export { default } from ${from}\nexport const thresholds = { errors: ['rate<0.01'] }`,
    )
    const { code, stdout, stderr } = await runCli(['worker', 'run', broken, '--json'])
    expect({ code, stderr }).toEqual({ code: 99, stderr: 'hello from a thread, dear\n' })
    const summary = JSON.parse(stdout)
    expect(summary).toMatchObject({
      name: 'small',
      ok: false,
      totals: { iterations: 200, errors: 20, requests: 200, dropped: 0 },
      thresholds: [{ metric: 'errors', threshold: 'rate<0.01', actual: 0.1, ok: false }],
      runners: { completed: 1 },
    })
    expect(summary.responseTime.count).toBe(200)
  })

  it('exits with 1 when what runs throws, and says what', async () => {
    const throwing = copy(
      'throwing.mjs',
      `export { default } from ${from}\nexport const options = { throws: true }`,
    )
    const { code, stdout } = await runCli(['worker', 'run', throwing])
    expect(code).toBe(1)
    expect(stdout).toContain('1 × failed: An iteration failed: Error: the shop is closed')
    expect(stdout).toMatch(/\nsmall failed after /)
  })

  it('stops in order when it is interrupted, and tells what it has come to', async () => {
    const endless = copy(
      'endless.mjs',
      `export { default } from ${from}\nexport const profile = { delayBetweenIterations: 5 }`,
    )
    const { child, ended, prints } = startCli(['worker', 'run', endless])
    await prints(/hello/)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).toBe(130)
    expect(stdout).toContain('Stopping; once more stops at once\n')
    expect(stdout).toMatch(/^iterations +\d/m)
  })

  it.each([
    [['worker'], 2, 'Name a subcommand: there are '],
    [['worker', 'walk'], 2, 'There is no subcommand "walk": there are '],
    [['worker', 'run'], 2, 'Name the module that is to run'],
    [['worker', 'run', 'x.mjs', '--workers', '0'], 2, '--workers must be a whole number from 1 to 256'],
    [['worker', 'run', 'nowhere.mjs'], 1, 'Cannot load "nowhere.mjs": there is no such file'],
    [['worker', 'run', fixture('no-workflow.mjs')], 1, 'export as default what runs: a function'],
  ])('answers %j with a line that says what is wrong', async (args, code, says) => {
    const result = await runCli(args)
    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.stderr).toContain(says)
    expect(result.stderr.split('\n')).toHaveLength(2)
  })

  it('says what is wrong with a profile, by field', async () => {
    const wrong = copy(
      'wrong.mjs',
      `export { default } from ${from}\nexport const profile = { executor: 'constantVus', rate: -1, duration: '1s' }`,
    )
    const { code, stderr } = await runCli(['worker', 'run', wrong])
    expect(code).toBe(1)
    expect(stderr).toContain('executionProfile.rate')
  })

  it('has a help of its own', async () => {
    const { code, stdout } = await runCli(['worker', 'run', '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('Usage: busline worker run FILE [options]')
    expect((await runCli(['worker', '--help'])).stdout).toContain('Usage: busline worker SUBCOMMAND')
  })
})
