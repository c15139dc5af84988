import { indexedDbStorage } from '../../../src/storage/indexeddb/index.js'
import { type Place, countCalls, deaths, strike, survive } from './crash-points.js'
import { trackedPlace } from './tracked-place.js'

/** What the page sends home. */
export interface CrashReport {
  /** Storage operations of the scenario. */
  readonly total: number
  readonly struck: number
  readonly survived: number
  readonly violations: readonly string[]
}

/** Strikes at every so many operations, as the address says. */
const every = Number(new URLSearchParams(location.search).get('every'))
/** Operations may meet in other ways from one time to the next: there may be so many fewer. */
const SPREAD = 2
let databases = 0

/** Each process opens a connection of its own. */
function inDatabase(): Place {
  const name = `crash-${++databases}`
  return trackedPlace(() => indexedDbStorage({ name }))
}

// The page outlives the processes that die in it, and would hold their Web Locks; what is struck here is the store. That a tab's
// lock goes with it is tested with real tabs.
Object.defineProperty(navigator, 'locks', { value: undefined })

async function main(): Promise<CrashReport> {
  const total = await countCalls([], inDatabase())
  const violations: string[] = []
  let struck = 0
  let survived = 0
  for (const [offset, death] of deaths.entries()) {
    for (let at = 1 + (every >> 1) * offset; at <= total - SPREAD; at += every) {
      const point = { name: `kill ${death.when} ${at}`, lives: [strike({ ...death, at })] }
      const found = await survive(point, inDatabase())
      struck++
      if (found.length === 0) survived++
      violations.push(...found)
    }
  }
  return { total, struck, survived, violations }
}

void main()
  .catch((error: unknown) => ({ total: 0, struck: 0, survived: 0, violations: [String(error)] }))
  .then((report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) }))
