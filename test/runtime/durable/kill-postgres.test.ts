import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findPostgres, type PostgresServer, startPostgres } from '../../storage/postgres-server.js'
import { killRounds, linesOf, until } from './kill-rounds.js'

const binaries = findPostgres()
if (!binaries) {
  console.warn('NOT TESTED: kill -9 on a PostgreSQL server. Install it: apt-get install postgresql')
}

describe.skipIf(!binaries)('a real process on a PostgreSQL server', () => {
  let folder = ''
  let server: PostgresServer
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'busline-kill-postgres-'))
    server = await startPostgres(binaries!)
  })
  afterAll(async () => {
    await server.remove()
    rmSync(folder, { recursive: true })
  })

  it('is killed 20 times, the server in between 5 times; each run ends once, and each effect has one key', async () => {
    let serverKills = 0
    const effects = join(folder, 'effects.txt')
    const count = (...kinds: readonly string[]) =>
      linesOf(effects).filter(({ kind }) => kinds.includes(kind)).length
    const report = await killRounds({
      folder,
      database: server.connectionString(),
      rounds: 20,
      // So many that a process is killed in the midst of them, also where it is fast.
      ordersPerRound: 60,
      // The process lives on while the server is away, and for a while on the one that is back.
      async meanwhile(round) {
        if (round % 4 !== 2) return
        await server.kill()
        serverKills++
        await new Promise((resolve) => setTimeout(resolve, 100))
        const before = count('effect', 'done')
        await server.restart()
        await until(() => count('effect', 'done') > before)
      },
    })
    console.log('kill -9 on PostgreSQL:', { ...report, serverKills, violations: report.violations.length })
    expect(report.violations).toEqual([])
    expect(serverKills).toBe(5)
    expect(report.ended).toBeGreaterThan(80)
    // A loop that never killed in the midst of a stage would show nothing.
    expect(report.repeated).toBeGreaterThan(0)
    const lastProcess = linesOf(effects).filter(({ kind }) => kind === 'done')
    expect(lastProcess).toHaveLength(1)
  }, 600_000)
})
