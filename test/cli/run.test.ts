import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fixture, paid, placed, runCli, startCli, temporaryFolder } from './run-cli.js'

const { path, write, folder } = temporaryFolder()
const orders = fixture('orders.ts')

interface Summary {
  readonly events: Readonly<Record<string, number>>
  readonly workflows: readonly {
    readonly workflowId: string
    readonly outcomes: object
    readonly runs: object
  }[]
  readonly runs: readonly { readonly workflowId: string; readonly status: string; readonly state: object }[]
  readonly remarks: readonly unknown[]
}
const parse = (json: string) => JSON.parse(json) as Summary

describe('busline run', () => {
  it('runs the workflows of a module on events, and says what became of both', async () => {
    const events = write('good.ndjson', placed('o-1'), paid('o-1'))
    const { code, stdout, stderr } = await runCli(['run', orders, '--events', events])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('2/2 events')
    expect(stdout).toContain('shipped o-1\n')
    expect(stdout).toMatch(/^ {2}started +1 +2 +3$/m)
    expect(stdout).toMatch(/^ {2}succeeded +1 +2 +3$/m)
    expect(stdout).toMatch(/^[\da-f-]{36} {2}order {5}succeeded /m)
    expect(stdout).toMatch(/\n2 events published in \d+ ms\n$/)
  })

  it('prints nothing but JSON with --json; what workflows print goes to the error output', async () => {
    const events = write('json.ndjson', placed('o-1'), paid('o-1'), { type: 'nobody:cares', payload: 1 })
    const { code, stdout, stderr } = await runCli(['run', orders, '--events', events, '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'shipped o-1\n' })
    const { events: counts, workflows, runs } = parse(stdout)
    expect(counts).toEqual({ published: 3, takenBefore: 0, unmatched: 1, queued: 0 })
    expect(workflows).toMatchObject([
      { workflowId: 'order', mode: 'transient', outcomes: { started: 1 }, runs: { succeeded: 1 } },
      { workflowId: 'audit', mode: 'serialized', outcomes: { started: 2 }, runs: { succeeded: 2 } },
    ])
    expect(runs.find(({ workflowId }) => workflowId === 'order')).toMatchObject({
      status: 'succeeded',
      state: { orderId: 'o-1', shipped: true },
    })
  })

  it('reads events from the standard input as they come', async () => {
    const stdin = `${JSON.stringify(placed('o-1'))}\r\n\n${JSON.stringify(paid('o-1'))}`
    const { code, stdout } = await runCli(['run', orders, '--events', '-'], { stdin })
    expect(code).toBe(0)
    expect(stdout).toContain('shipped o-1\n')
  })

  it('takes a function that registers by itself, and one workflow alone', async () => {
    const byFunction = await runCli(['run', fixture('by-function.mjs'), '--events', '-'], {
      stdin: '{"type":"ping","payload":null}',
    })
    expect(byFunction).toMatchObject({ code: 0, stderr: '' })
    expect(byFunction.stdout).toContain('pong\n')
    const alone = await runCli(['run', fixture('slow.mjs'), '--events', '-', '--json'], {
      stdin: '{"type":"job","payload":{"job":"j"}}',
      env: { SLOW_LOG: path('alone.log') },
    })
    expect(parse(alone.stdout).runs).toMatchObject([{ state: { job: 'j', a: true, b: true, c: true } }])
  })

  it('prints what steps log with --verbose', async () => {
    const events = write('verbose.ndjson', placed('o-1'), paid('o-1'))
    const { stdout } = await runCli(['run', orders, '--events', events, '--verbose'])
    expect(stdout).toContain('info reserved {"orderId":"o-1"}')
  })

  it('ends with 1 when a run failed, and says why', async () => {
    const events = write('bad.ndjson', placed('o-1', { isBad: true }))
    const { code, stdout } = await runCli(['run', orders, '--events', events])
    expect(code).toBe(1)
    expect(stdout).toMatch(/runs failed with\n {4}1 × order: .*There is nothing left\n/)
  })

  it('passes over lines that are no event, tells their number, and ends with 1', async () => {
    const events = write('mixed.ndjson', '{"type":', placed('o-1'), '[]', { payload: 1 }, paid('o-1'))
    const { code, stdout, stderr } = await runCli(['run', orders, '--events', events])
    expect(code).toBe(1)
    expect(stderr.trimEnd().split('\n')).toEqual([
      `${events}:1: skipped, is not JSON`,
      `${events}:3: skipped, is not a JSON object`,
      `${events}:4: skipped, "type" must be a text`,
    ])
    expect(stdout).toContain('shipped o-1\n')
  })

  it('says that a run which sleeps is lost without a store', async () => {
    const events = write('asleep.ndjson', placed('o-1'))
    const { code, stderr } = await runCli(['run', orders, '--events', events])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^1 run that sleeps is lost at the end: --wait .*\n$/)
  })

  it.each([60, 80, 120])('stays within %i columns', async (columns) => {
    const events = write('wide.ndjson', placed('o-1', { isBad: true }), placed('o-2'), paid('o-2'))
    const { stdout } = await runCli(['run', orders, '--events', events], {
      env: { COLUMNS: String(columns) },
    })
    expect(stdout.split('\n').filter((line) => line.length >= columns)).toEqual([])
  })
})

describe('busline run with what cannot be used', () => {
  const events = () => write('one.ndjson', placed('o-1'))
  it.each([
    ['missing.mjs', 'Cannot load "missing.mjs": there is no such file\n'],
    [fixture('no-workflow.mjs'), /^Cannot use ".*": export as `default` or `workflows` a workflow, .*\n$/],
    [fixture('throws.mjs'), /^Cannot load ".*": Error: The shop is closed \(throws\.mjs:2:7\)\n$/],
  ])('says in one line what is wrong with the module %s', async (file, message) => {
    const { code, stdout, stderr } = await runCli(['run', file, '--events', events()])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(message)
  })

  it('says in one line that a module is no JavaScript', async () => {
    const { code, stderr } = await runCli(['run', write('x.mjs', 'export default {'), '--events', events()])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Cannot load ".*x\.mjs": SyntaxError: .*\n$/)
  })

  it('says in one line what is wrong with the events', async () => {
    const missing = path('nothing.ndjson')
    expect(await runCli(['run', orders, '--events', missing])).toEqual({
      code: 1,
      stdout: '',
      stderr: `Cannot read events from "${missing}": there is no such file\n`,
    })
    expect(await runCli(['run', orders, '--events', folder])).toMatchObject({
      code: 1,
      stderr: `Cannot read events from "${folder}": it is a directory\n`,
    })
  })

  it('makes no folder for the store, as the path may be mistyped: it says which one is not there', async () => {
    const store = path('shp/day/runs.db')
    const { code, stdout, stderr } = await runCli(['run', orders, '--events', events(), '--store', store])
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toBe(
      `Cannot keep runs in "${store}": there is no folder "${path('shp/day')}"; make it, or name another file\n`,
    )
    expect(existsSync(path('shp'))).toBe(false)
  })

  it('says that the store is a folder, where a file was to be named', async () => {
    const { code, stderr } = await runCli(['run', orders, '--events', events(), '--store', folder])
    expect(code).toBe(1)
    expect(stderr).toBe(`Cannot open the store "${folder}": it is a folder; name a file in it\n`)
  })

  it('says in one line that the store is none', async () => {
    const store = write('store.txt', 'I am no database, whatever they say of me. '.repeat(50))
    const { code, stderr } = await runCli(['run', orders, '--events', events(), '--store', store])
    expect(code).toBe(1)
    expect(stderr).toBe(
      `Cannot use the SQLite file "${store}": the file is not an SQLite database, or damaged\n`,
    )
  })

  it.each([
    [[], 'Name the module whose workflows are to run'],
    [[orders], '--events must name a file, or be - for the standard input'],
    [[orders, 'more', '--events', '-'], 'Unexpected argument "more"'],
    [[orders, '--event', '-'], "Unknown option '--event'"],
    [
      [orders, '--events', '-', '--seed', 'x'],
      '--seed must be a whole number from 0 to 4294967295: it is "x"',
    ],
    [
      [orders, '--events', '-', '--wait', 'x'],
      '--wait must be a duration such as 500ms, 30s or 2h: it is "x"',
    ],
  ])('refuses %j as wrong usage', async (args, message) => {
    expect(await runCli(['run', ...args])).toEqual({
      code: 2,
      stdout: '',
      stderr: `${message}. Try "busline run --help"\n`,
    })
  })
})

describe('busline run --store', () => {
  it('goes on with runs that sleep when it is started again, and publishes no event twice', async () => {
    const store = path('sleep.db')
    const events = write('sleep.ndjson', placed('o-1'), placed('o-2'), paid('o-1'))
    const first = await runCli(['run', orders, '--events', events, '--store', store])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toContain('1 run that sleeps is kept')
    write('sleep.ndjson', placed('o-1'), placed('o-2'), paid('o-1'), paid('o-2'))
    const second = await runCli(['run', orders, '--events', events, '--store', store, '--json'])
    expect(second).toMatchObject({ code: 0, stderr: 'shipped o-2\n' })
    expect(parse(second.stdout).events).toMatchObject({ published: 1, takenBefore: 3 })
    const third = await runCli(['run', orders, '--store', store, '--json'])
    expect(third).toMatchObject({ code: 0, stderr: '' })
    expect(parse(third.stdout).runs).toEqual([])
  })

  it('takes what a pipe says twice for two events', async () => {
    const store = path('pipe.db')
    const stdin = `${JSON.stringify(paid('o-1'))}\n`
    for (let time = 0; time < 2; time++) {
      const { stdout } = await runCli(['run', orders, '--events', '-', '--store', store, '--json'], { stdin })
      expect(parse(stdout).events).toMatchObject({ published: 1, takenBefore: 0 })
    }
  })

  it('killed in the middle and started again, executes every stage of every run, and no committed one twice', async () => {
    const store = path('killed.db')
    const log = path('killed.log')
    const jobs = ['1', '2', '3', '4', '5'].map((job) => ({ type: 'job', payload: { job } }))
    const args = ['run', fixture('slow.mjs'), '--events', write('jobs.ndjson', ...jobs), '--store', store]
    const env = { SLOW_LOG: log }
    const executed = () => {
      try {
        return readFileSync(log, 'utf8').trimEnd().split('\n')
      } catch {
        return []
      }
    }
    const first = startCli(args, { env })
    await expect.poll(() => executed().length, { interval: 5 }).toBeGreaterThanOrEqual(4)
    first.child.kill('SIGKILL')
    expect((await first.ended).code).toBe(null)
    const before = executed().length
    expect(before).toBeLessThan(15)

    // On a busy machine the claim of the first has run out by now; else this one waits until it has.
    const { code, stderr } = await runCli(args, { env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const wanted = jobs.flatMap(({ payload }) => ['a', 'b', 'c'].map((id) => `${payload.job}/${id}`))
    expect([...new Set(executed())].sort()).toEqual(wanted)
    // Only the one stage that was under way may have been executed again.
    expect(executed().length).toBeLessThanOrEqual(wanted.length + 1)
    const { stdout: listed } = await runCli(['runs', '--store', store, '--json'])
    const { runs } = JSON.parse(listed) as { runs: { status: string }[] }
    expect(runs.map(({ status }) => status)).toEqual(jobs.map(() => 'succeeded'))
  })

  it('interrupted, lets what is under way end, keeps the rest, and ends with 130', async () => {
    const store = path('interrupted.db')
    const log = path('interrupted.log')
    const started = startCli(['run', fixture('slow.mjs'), '--events', '-', '--store', store], {
      env: { SLOW_LOG: log },
    })
    started.child.stdin!.write('{"type":"job","payload":{"job":"1"}}\n{"type":"job","payload":{"job":"2"}}\n')
    await started.prints(/2 events/)
    started.child.kill('SIGINT')
    const { code, stdout, stderr } = await started.ended
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
    expect(stdout).toContain('Stopping when what is under way has ended')
    const rest = await runCli(['run', fixture('slow.mjs'), '--store', store], { env: { SLOW_LOG: log } })
    expect(rest).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(log, 'utf8').split('\n').filter(Boolean)).toEqual(
      ['1', '2'].flatMap((job) => ['a', 'b', 'c'].map((id) => `${job}/${id}`)),
    )
  })
})
