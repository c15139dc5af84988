import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sqliteStorage } from '../../../src/storage/sqlite/index.js'
import { readTable } from './read-table.js'
import { MAIN, ROOT, runMain } from './run-main.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'busline-killed-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs the main job until it has printed that so many events are published, and kills it. */
function killAfter(events: number, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...MAIN, ...args], { cwd: ROOT })
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const published = [...stdout.matchAll(/(\d+)\/\d+ events/g)].map(([, count]) => Number(count))
      if (published.some((count) => count >= events)) child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('close', (_code, signal) => {
      if (signal === 'SIGKILL') resolve(stdout)
      else reject(new Error(`It ended before it was killed:\n${stdout}`))
    })
  })
}

describe('the main job, killed with SIGKILL in the midst', () => {
  it('goes on where it was when it is started again, as often as one likes, and its counts add up', async () => {
    const store = join(folder, 'runs.db')
    const first = await killAfter(60, ['--seed', '7', '--store', store])
    expect(first).not.toContain('Going on')
    const second = await killAfter(160, ['--store', store])
    const third = await killAfter(260, ['--store', store])
    for (const each of [second, third]) expect(each).toMatch(/seed 7\n/)
    const placeOf = (text: string) => Number(/Going on after event (\d+) of/.exec(text)?.[1])
    expect(placeOf(second)).toBeGreaterThanOrEqual(60)
    expect(placeOf(third)).toBeGreaterThanOrEqual(160)

    const last = await runMain(['--store', store], { COLUMNS: '140' })
    expect(last).toMatchObject({ code: 0, stderr: '' })
    expect(placeOf(last.stdout)).toBeGreaterThanOrEqual(260)
    const total = Number(/of (\d+), where it was cut off/.exec(last.stdout)?.[1])
    expect(last.stdout).toContain('No event was lost')
    const whole = readTable(last.stdout)
    const uninterrupted = readTable((await runMain(['--seed', '7'], { COLUMNS: '140' })).stdout)
    for (const [name, column] of uninterrupted) {
      expect(whole.get(name)!.get('events'), name).toBe(column.get('events'))
    }
    const statistics = whole.get('statistics')!
    const counted = Number(/statistics counted (\d+) deliveries/.exec(last.stdout)?.[1])
    expect(counted).toBe((statistics.get('started') ?? 0) + (statistics.get('signalled') ?? 0))
    expect(counted).toBeGreaterThan(total - 20)

    await using storage = sqliteStorage({ file: store })
    const ended = await storage.scan({ prefix: 'ended/', limit: 10_000 })
    expect(ended.length).toBe([...whole.values()].at(-1)!.get('runs'))
    expect(await storage.scan({ prefix: 'run/' })).toEqual([])
  })

  it('begins anew once all is done, or with another seed', async () => {
    const store = join(folder, 'other.db')
    await killAfter(60, ['--seed', '7', '--store', store])
    const other = await runMain(['--seed', '8', '--store', store])
    expect(other).toMatchObject({ code: 0, stderr: '' })
    expect(other.stdout).not.toContain('Going on')
    const again = await runMain(['--seed', '8', '--store', store])
    expect(again.stdout).toBe(other.stdout)
  })
})
