import { mkdtempSync, rmSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readTable } from './read-table.js'
import { type Ended, runMain } from './run-main.js'

const OUTCOMES = [
  'started',
  'replaced',
  'signalled',
  'superseded',
  'rejected',
  'dropped',
  'duplicate',
  'invalid',
]
const ENDS = ['succeeded', 'failed', 'aborted']
const sum = (column: ReadonlyMap<string, number>, rows: readonly string[]) =>
  rows.reduce((total, row) => total + (column.get(row) ?? 0), 0)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'busline-example-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the main job with a seed', () => {
  let first: Ended
  beforeAll(async () => {
    first = await runMain(['--seed', '7'], { COLUMNS: '140' })
  })

  it('publishes hundreds of real deliveries and ends well', () => {
    expect(first).toMatchObject({ code: 0, stderr: '' })
    const [, count] = /^(\d+) webhook deliveries from GitHub, seed 7\n/.exec(first.stdout) ?? []
    expect(Number(count)).toBeGreaterThan(300)
    expect(first.stdout).toContain(`${count}/${count} events`)
  })

  it('prints the same again', async () => {
    expect(await runMain(['--seed', '7'], { COLUMNS: '140' })).toEqual(first)
  })

  it('prints something else for another seed', async () => {
    const other = await runMain(['--seed', '8'], { COLUMNS: '140' })
    expect(other.code).toBe(0)
    expect(readTable(other.stdout)).not.toEqual(readTable(first.stdout))
  })

  it('brings every event that matched to one end, and every run', () => {
    const columns = readTable(first.stdout)
    expect(columns.size).toBe(9)
    for (const [name, column] of columns) {
      expect(column.get('events'), name).toBeGreaterThan(0)
      expect(sum(column, OUTCOMES), name).toBe(column.get('events'))
      expect(sum(column, ENDS), name).toBe(column.get('runs'))
      expect(sum(column, ['started', 'replaced']), name).toBe(column.get('runs'))
    }
    const [, counted] = /statistics counted (\d+) deliveries/.exec(first.stdout) ?? []
    const statistics = columns.get('statistics')!
    expect(Number(counted)).toBe(sum(statistics, ['started', 'signalled']))
  })

  it('succeeds in every workflow, and says why runs failed that did', () => {
    for (const [name, column] of readTable(first.stdout)) {
      expect(column.get('succeeded'), name).toBeGreaterThan(0)
      const failed = column.get('failed') ?? 0
      const reasons = [...first.stdout.matchAll(/^ +(\d+) × (\S+): (.+)$/gm)].filter(
        ([, , of]) => of === name,
      )
      if (name !== 'all') expect(reasons.length > 0, name).toBe(failed > 0)
      for (const [, , , reason] of reasons) expect(reason).toContain('GitHub answered 502')
    }
  })

  it('shows every mode, and all outcomes but invalid', () => {
    for (const mode of ['transient', 'serialized', 'singleton_loop', 'exclusive']) {
      expect(first.stdout).toContain(mode)
    }
    const all = readTable(first.stdout).get('all')!
    const shown = OUTCOMES.filter((outcome) => outcome !== 'invalid')
    for (const outcome of [...shown, 'queued first', 'delayed first']) {
      expect(all.get(outcome), outcome).toBeGreaterThan(0)
    }
  })

  it('draws three runs', () => {
    expect(first.stdout.match(/^\S+ [✓✗■] \w+ after /gm)).toHaveLength(3)
    expect(first.stdout).toMatch(/asleep +░+ +[\d.]+ s {2}woken by deployment:finished/)
    expect(first.stdout).toMatch(/undo switch +<+/)
  })

  it.each([60, 80, 100])('fits into %i columns', async (columns) => {
    const { stdout } = await runMain(['--seed', '7'], { COLUMNS: String(columns) })
    expect(stdout.split('\n').filter((line) => line.length >= columns)).toEqual([])
  })
})

describe('the main job with --events', () => {
  const write = (name: string, ...lines: readonly string[]) => {
    const file = join(folder, name)
    writeFileSync(file, lines.join('\n'))
    return file
  }

  it('takes events of any type, and tells by its number what is none', async () => {
    const file = write(
      'mixed.ndjson',
      '\uFEFF{"type":"order:placed","payload":{"orderId":"o-1"},"id":"first"}\r',
      '{"type":"order:placed"',
      '',
      '{"type":"order:placed","payload":{"orderId":"o-1"},"id":"first"}',
      '{"type":"issues","payload":{"action":"opened"}}',
      '{"type":"run:abort","payload":{"runId":"x"}}',
      '{"payload":1}',
      '{"type":"__proto__","payload":{"repository":{"full_name":"constructor"}}}',
    )
    const { code, stdout, stderr } = await runMain(['--seed', '1', '--events', file], { COLUMNS: '140' })
    expect(code).toBe(0)
    expect(stderr.trimEnd().split('\n')).toEqual([
      `${file}:2: skipped, is not JSON`,
      `${file}:6: skipped, "type" must not be "*", nor begin with "run:" or "bus:"`,
      `${file}:7: skipped, "type" must be a text`,
    ])
    expect(stdout).toContain('4 events from ')
    const columns = readTable(stdout)
    expect(columns.get('statistics')!.get('events')).toBe(4)
    expect(sum(columns.get('statistics')!, OUTCOMES)).toBe(4)
    expect(columns.get('statistics')!.get('duplicate')).toBe(1)
    expect(columns.get('triage')!.get('invalid')).toBe(1)
  })

  it('tells what the bus refuses', async () => {
    const file = write(
      'refused.ndjson',
      '{"type":"star","payload":{}}',
      '{"type":"release:shipped","payload":{}}',
    )
    const { code, stderr } = await runMain(['--seed', '1', '--events', file])
    expect(code).toBe(0)
    expect(stderr).toMatch(/refused\.ndjson:2: refused, Cannot publish "release:shipped": .+\n$/)
  })

  it('does nothing for a file without events', async () => {
    const { code, stdout, stderr } = await runMain(['--seed', '1', '--events', write('empty.ndjson')])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('0 events from ')
  })

  it('says in one line that there is no such file', async () => {
    const missing = join(folder, 'nothing.ndjson')
    expect(await runMain(['--events', missing])).toEqual({
      code: 1,
      stdout: '',
      stderr: `Cannot read events from "${missing}": there is no such file\n`,
    })
    expect(await runMain(['--events', folder])).toMatchObject({
      code: 1,
      stderr: `Cannot read events from "${folder}": it is a directory\n`,
    })
  })
})

describe('the main job', () => {
  it('says in one line that the runs cannot be kept where they should', async () => {
    writeFileSync(join(folder, 'no-folder'), 'a file')
    const store = join(folder, 'no-folder', 'runs.db')
    const { code, stderr } = await runMain(['--store', store])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Cannot keep the runs in ".*no-folder\/runs\.db": .*\n$/)
  })

  it('leaves the file of a process that lives alone, and keeps its runs beside it', async () => {
    const store = join(folder, 'taken.db')
    writeFileSync(store, 'of another')
    writeFileSync(`${store}.lock`, String(process.pid))
    const events = join(folder, 'one.ndjson')
    writeFileSync(events, '{"type":"order:placed","payload":{}}')
    const { code, stdout } = await runMain(['--seed', '1', '--events', events, '--store', store])
    expect(code).toBe(0)
    expect(readFileSync(store, 'utf8')).toBe('of another')
    expect(stdout).toMatch(/runs --store .*taken\.db\.\d+$/m)
  })

  it('tells its options', async () => {
    const { code, stdout } = await runMain(['--help'])
    expect(code).toBe(0)
    for (const option of ['--seed', '--events', '--help']) expect(stdout).toContain(option)
  })

  it.each([
    [['--sede', '7'], "Unknown option '--sede'. Try --help\n"],
    [['events.ndjson'], 'Unexpected argument "events.ndjson". Try --help\n'],
    [['--seed', 'seven'], '--seed must be a whole number from 0 to 4294967295: it is "seven". Try --help\n'],
    [['--seed'], /^Option '--seed.*\n$/],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await runMain(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })
})
