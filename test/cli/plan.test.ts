import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runCli, temporaryFolder } from './run-cli.js'

const { path, write } = temporaryFolder()
const plan = (name: string) => `test/cli/plan/${name}.json`

describe('busline plan run', () => {
  it('prints the final state, and what happened beside it', async () => {
    const input = write('input.json', { data: { total: 150 } })
    const { code, stdout, stderr } = await runCli(['plan', 'run', plan('orders'), '--input', input])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ data: { total: 150, fetched: true }, approved: true, shipped: true })
    expect(stderr).toContain('fetching 150')
    expect(stderr).toMatch(/✓ approve/)
    expect(stderr).toMatch(/fetch → book +not followed/)
  })

  it('runs one step only', async () => {
    const { code, stdout, stderr } = await runCli(['plan', 'run', plan('orders'), '--only', 'ship', '--json'])
    expect({ code, stderr, state: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      stderr: '',
      state: { data: {}, shipped: true },
    })
  })

  it('runs the text of one job, on a thread with what node_modules has', async () => {
    const file = write('job.js', "import mitt from 'mitt'", 'export default [() => ({ mitt: typeof mitt })]')
    const args = ['plan', 'run', file, '--isolation', 'thread', '--node-modules']
    expect(JSON.parse((await runCli(args)).stdout)).toEqual({ mitt: 'function' })
  })

  it('ends with 1 and one line when a job fails or crashes', async () => {
    const failing = write('failing.js', "export default [() => { throw new TypeError('No') }]")
    const failed = await runCli(['plan', 'run', failing])
    expect(failed.code).toBe(1)
    expect(failed.stderr).toMatch(/✗ job-1 +RuntimeError: TypeError: No \(line 1, column \d+\)\n$/)
    const { code, stderr } = await runCli(['plan', 'run', plan('broken')])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Failed to compile edge condition a->b .*\n$/)
    // As `check` and `graph` say it: the class of an error is for programs, and stands in what --json prints.
    const { stderr: refused } = await runCli(['plan', 'run', plan('invalid')])
    expect(refused).toMatch(/^workflow\.steps\.2\.timeout must be milliseconds .*\n$/)
  })

  it('tells a mistake of the user in one line', async () => {
    for (const args of [['run'], ['nothing'], [], ['run', plan('orders'), '--isolation', 'none']]) {
      const { code, stderr } = await runCli(['plan', ...args])
      expect({ args, code, lines: stderr.trim().split('\n').length }).toEqual({ args, code: 2, lines: 1 })
    }
    const missing = await runCli(['plan', 'run', 'nowhere.json'])
    expect(missing).toMatchObject({ code: 1, stderr: 'Cannot read "nowhere.json": there is no such file\n' })
    const broken = await runCli(['plan', 'run', write('broken.json', '{ "workflow": ')])
    expect(broken.code).toBe(1)
    expect(broken.stderr).toMatch(/^Cannot read ".*" as JSON: .*\n$/)
  })
})

describe('busline plan check', () => {
  it('says that a plan can be run', async () => {
    expect(await runCli(['plan', 'check', plan('orders')])).toMatchObject({ code: 0, stderr: '' })
  })

  it('tells every fault of job text and conditions, with its path', async () => {
    const { code, stdout } = await runCli(['plan', 'check', plan('broken'), '--json'])
    const { issues } = JSON.parse(stdout) as { issues: { path: string; message: string }[] }
    expect(code).toBe(1)
    expect(issues.map((issue) => issue.path)).toEqual([
      'workflow.steps.0.expression',
      'workflow.steps.0.next.b',
      'workflow.steps.1.expression',
    ])
  })

  it('tells what is wrong with the plan itself', async () => {
    const { code, stdout } = await runCli(['plan', 'check', plan('invalid')])
    expect(code).toBe(1)
    expect(stdout).toContain('workflow.steps.2.timeout')
  })
})

describe('busline plan graph', () => {
  it('draws steps, conditions and joins in the terminal', async () => {
    const { code, stdout } = await runCli(['plan', 'graph', plan('orders')])
    expect(code).toBe(0)
    expect(stdout).toBe(`orders  4 steps

fetch
├─ [state.data.total > 100] → approve
│  └─ → ship (joins all)
└─ [small] → book
   └─ → ship (joins all) ↑
`)
  })

  it('draws the same as a picture', async () => {
    const out = path('orders.svg')
    expect(await runCli(['plan', 'graph', plan('orders'), '--svg', out])).toMatchObject({
      code: 0,
      stdout: '',
    })
    const svg = readFileSync(out, 'utf8')
    for (const id of ['fetch', 'approve', 'book', 'ship']) expect(svg).toContain(`>${id}</text>`)
    expect(svg).toContain('state.data.total &gt; 100')
    expect(svg.match(/<rect/g)).toHaveLength(4)
  })
})
