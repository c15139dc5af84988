import { beforeAll, describe, expect, it } from 'vitest'
import { fixture, paid, placed, runCli, temporaryFolder } from './run-cli.js'

const { path, write } = temporaryFolder()
const store = path('shop.db')

interface Listed {
  readonly runs: readonly { readonly runId: string; readonly workflowId: string; readonly status: string }[]
  readonly hasMore: boolean
}
const list = async (...args: readonly string[]) => {
  const { stdout } = await runCli(['runs', '--store', store, '--json', ...args])
  return JSON.parse(stdout) as Listed
}

beforeAll(async () => {
  const events = write(
    'shop.ndjson',
    placed('o-1'),
    placed('o-2', { isBad: true }),
    placed('o-3'),
    paid('o-1'),
  )
  await runCli(['run', fixture('orders.ts'), '--events', events, '--store', store])
})

describe('busline runs', () => {
  it('lists runs, the newest first, with what is known of them', async () => {
    const { code, stdout, stderr } = await runCli(['runs', '--store', store], { env: { COLUMNS: '140' } })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [header, ...lines] = stdout.trimEnd().split('\n')
    expect(header).toMatch(/^run +workflow +status +took +started +started by +recorded$/)
    expect(lines).toHaveLength(7)
    const ids = lines.map((line) => line.slice(0, 36))
    expect(ids).toEqual((await list()).runs.map(({ runId }) => runId))
  })

  it('lists those of a workflow, of a status, and so many', async () => {
    const { runs } = await list('--workflow', 'order')
    expect(runs.map(({ workflowId }) => workflowId)).toEqual(['order', 'order', 'order'])
    expect((await list('--status', 'succeeded', '--workflow', 'order')).runs).toHaveLength(1)
    expect((await list('--status', 'failed')).runs).toMatchObject([{ workflowId: 'order' }])
    expect((await list('--workflow', 'audit', '--status', 'paused')).runs).toEqual([])
    // One order was paid, one failed, and one still waits: that one is not said to be running.
    expect(runs.map(({ status }) => status).sort()).toEqual(['failed', 'paused', 'succeeded'])
    const some = await list('--limit', '2')
    expect(some).toMatchObject({ runs: { length: 2 }, hasMore: true })
    const { stdout } = await runCli(['runs', '--store', store, '--workflow', 'nobody'])
    expect(stdout).toBe('There are no such runs\n')
  })

  it.each([60, 80, 120])('leaves out what has no room in %i columns, and never the id', async (columns) => {
    const { stdout } = await runCli(['runs', '--store', store], { env: { COLUMNS: String(columns) } })
    const lines = stdout.trimEnd().split('\n')
    expect(lines.filter((line) => line.length >= columns)).toEqual([])
    for (const line of lines.slice(1)) expect(line).toMatch(/^[\da-f-]{36} {2}\S/)
  })

  it('refuses what is no status, no number and no store', async () => {
    expect(await runCli(['runs', '--store', store, '--status', 'odd'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^--status must be one of running, paused, succeeded, failed, aborted: /),
    })
    expect(await runCli(['runs', '--store', store, '--limit', '0'])).toMatchObject({
      code: 2,
      stderr: '--limit must be a whole number from 1 to 1000: it is "0". Try "busline runs --help"\n',
    })
    expect(await runCli(['runs'])).toMatchObject({
      code: 2,
      stderr: '--store must name a file. Try "busline runs --help"\n',
    })
    const missing = path('missing.db')
    expect(await runCli(['runs', '--store', missing])).toEqual({
      code: 1,
      stdout: '',
      stderr: `Cannot open the store "${missing}": there is no such file\n`,
    })
  })
})

describe('busline show', () => {
  const idOf = async (status: string) =>
    (await list('--workflow', 'order', '--status', status)).runs[0]!.runId

  it('draws the timeline, the facts, the state at the end, and the logs', async () => {
    const id = await idOf('succeeded')
    const { code, stdout, stderr } = await runCli(['show', id, '--store', store])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^order ✓ succeeded after \d+ ms\npipeline order, started by order:placed\n/)
    expect(stdout).toMatch(/^asleep +░+ +\d+ ms {2}woken by order:paid$/m)
    expect(stdout).toContain(`\nrun       ${id}\n`)
    expect(stdout).toMatch(/\nstate at the end\n {2}\{\n {4}orderId: 'o-1',\n[^]* {4}shipped: true\n {2}\}\n/)
    expect(stdout).toMatch(/\nlogs\n {2}\+\d+ ms {2}info {3}reserved \{ orderId: 'o-1' \}\n$/)
  })

  it('draws a run that failed, and one that sleeps', async () => {
    const failed = await runCli(['show', await idOf('failed'), '--store', store])
    expect(failed.stdout).toMatch(/^order ✗ failed after /)
    expect(failed.stdout).toMatch(/^Stage "reserve" failed: .*There is nothing left$/m)
    const { runs } = await list('--workflow', 'order')
    const { runId } = runs.find(({ status }) => status !== 'failed' && status !== 'succeeded')!
    const asleep = await runCli(['show', runId, '--store', store])
    expect(asleep.stdout).toMatch(/^asleep +░+ +\d+ ms$/m)
    expect(asleep.stdout).toContain('state so far')
  })

  it('finds a run by the beginning of its id, as far as there is one', async () => {
    const id = await idOf('succeeded')
    const { runs } = await list()
    const others = runs.filter(({ runId }) => runId !== id)
    let length = 1
    while (others.some(({ runId }) => runId.startsWith(id.slice(0, length)))) length++
    const found = await runCli(['show', id.slice(0, length), '--store', store])
    expect(found.stdout).toContain(id)
    const several = await runCli(['show', id.slice(0, 2), '--store', store])
    expect(several).toMatchObject({ code: 1, stdout: '' })
    expect(several.stderr).toMatch(
      /^"01" is not one run: 7 begin with it\n( {2}[\da-f-]{36}\n){5} {2}… and 2 more\n$/,
    )
  })

  it('gives run, state and events as JSON', async () => {
    const id = await idOf('succeeded')
    const { stdout } = await runCli(['show', id, '--store', store, '--json'])
    const { run, state, events } = JSON.parse(stdout) as { run: object; state: object; events: object[] }
    expect(run).toMatchObject({ runId: id, status: 'succeeded' })
    expect(state).toMatchObject({ orderId: 'o-1', shipped: true })
    expect(events).toHaveLength((run as { eventCount: number }).eventCount)
  })

  it('says in one line that there is no such run', async () => {
    expect(await runCli(['show', 'zzz', '--store', store])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'There is no run "zzz" in this store\n',
    })
    expect(await runCli(['show', '--store', store])).toMatchObject({ code: 2 })
  })
})
