import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exited, freeze, killRounds, linesOf, report, start, until } from './kill-rounds.js'

let folder = ''
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'busline-kill-'))))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a real process on a SQLite file', () => {
  it('is killed 100 times in the midst of its work; each run ends once, and each effect has one key', async () => {
    const report = await killRounds({ folder, rounds: 100, ordersPerRound: 10 })
    console.log('kill -9:', { ...report, violations: report.violations.length })
    expect(report.violations).toEqual([])
    expect(report.ended).toBeGreaterThan(100)
    // A loop that never killed in the midst of a stage would show nothing.
    expect(report.repeated).toBeGreaterThan(0)
  }, 600_000)

  it('is frozen beyond its claimTtl: another takes its runs over, and it is told when it wakes', async () => {
    const database = join(folder, 'frozen.db')
    const effects = join(folder, 'frozen.txt')
    const frozen = start([database, effects, '0', '40', '300'])
    await until(() => linesOf(effects).filter(({ kind }) => kind === 'effect').length > 5)
    await freeze(frozen, database)
    const other = start([database, effects, '100', '1', '300'])
    await until(() => linesOf(effects).some(({ kind, pid }) => kind === 'done' && pid === String(other.pid)))
    frozen.kill('SIGCONT')
    await exited(frozen)
    const lines = linesOf(effects)
    expect(lines.some(({ kind, pid }) => kind === 'fenced' && pid === String(frozen.pid))).toBe(true)
    // Of an end that the one had committed when it was stopped, both may tell.
    const { ended, violations } = await report(database, effects, 0)
    expect(violations).toEqual([])
    expect(ended).toBe(41)
  })
})
