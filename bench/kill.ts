/**
 * Kills a process that works on a SQLite file, again and again, and looks at what is left.
 *
 * `npx tsx bench/kill.ts [kills] [orders per process]`
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killRounds } from '../test/runtime/durable/kill-rounds.js'

const kills = Number(process.argv[2] ?? 10_000)
const ordersPerRound = Number(process.argv[3] ?? 20)
/** A store grows with what has ended: a fresh one after so many kills. */
const KILLS_PER_STORE = 100

let total = 0
while (total < kills) {
  const folder = mkdtempSync(join(tmpdir(), 'busline-kill-'))
  const rounds = Math.min(KILLS_PER_STORE, kills - total)
  const { violations, ...report } = await killRounds({ folder, rounds, ordersPerRound })
  total += rounds
  console.log(`${total} kills`, report)
  if (violations.length > 0) {
    console.error(`Violations, in ${folder}:`, violations)
    process.exit(1)
  }
  rmSync(folder, { recursive: true })
}
