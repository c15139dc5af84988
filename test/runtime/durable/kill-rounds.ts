import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { openStore } from './open-store.js'

const FIXTURE = fileURLToPath(new URL('killed-process.ts', import.meta.url))

export interface KillRounds {
  readonly folder: string
  /** A SQLite file, or `postgresql://…`. @default a file in the folder */
  readonly database?: string
  /** How many processes are killed before one is let live. */
  readonly rounds: number
  /** Orders that each of them is given. */
  readonly ordersPerRound: number
  /** What else is to happen while the process of a round is at work, before that is killed. @default nothing */
  readonly meanwhile?: (round: number) => Promise<void>
  /** From 0 to 1. @default Math.random */
  readonly random?: () => number
}

export interface KillReport {
  readonly killed: number
  readonly accepted: number
  readonly ended: number
  readonly effects: number
  /** Effects that were done more than once, under one key each. */
  readonly repeated: number
  readonly violations: readonly string[]
}

export interface Line {
  readonly kind: string
  readonly pid: string
  readonly rest: readonly string[]
}

export function linesOf(file: string): readonly Line[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [kind = '', pid = '', ...rest] = line.split(' ')
      return { kind, pid, rest }
    })
}

/** As one file of JavaScript: a process that has to compile first spends most of its short life on that. */
const bundle = join(
  fileURLToPath(new URL('../../../node_modules/', import.meta.url)),
  `.killed-${process.pid}.mjs`,
)

export function start(args: readonly string[]): ChildProcess {
  if (!existsSync(bundle)) {
    buildSync({
      entryPoints: [FIXTURE],
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile: bundle,
    })
    process.once('exit', () => rmSync(bundle, { force: true }))
  }
  return spawn(process.execPath, [bundle, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
}

export async function until(isMet: () => boolean, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!isMet()) {
    if (Date.now() > end) throw new Error('Waited too long')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const exited = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else child.once('exit', () => resolve())
  })

/**
 * Stops a process where it stands, but not in the midst of a transaction: it would keep the lock of the SQLite file for as
 * long as it stands still, and nobody could take anything over.
 */
export async function freeze(child: ChildProcess, database: string): Promise<void> {
  const { default: Database } = await import('libsql')
  for (;;) {
    child.kill('SIGSTOP')
    const probe = new Database(database, { timeout: 100 })
    try {
      probe.exec('BEGIN IMMEDIATE')
      probe.exec('ROLLBACK')
      return
    } catch {
      child.kill('SIGCONT')
      await new Promise((resolve) => setTimeout(resolve, 5))
    } finally {
      probe.close()
    }
  }
}

/** Kills one process after the other in the midst of its work, lets the last one finish, and looks at what is left. */
export async function killRounds({
  folder,
  database = join(folder, 'runs.db'),
  rounds,
  ordersPerRound,
  meanwhile = () => Promise.resolve(),
  random = Math.random,
}: KillRounds): Promise<KillReport> {
  const effects = join(folder, 'effects.txt')
  for (let round = 0; round <= rounds; round++) {
    const child = start([database, effects, String(round * ordersPerRound), String(ordersPerRound), '300'])
    const pid = String(child.pid)
    if (round === rounds) {
      await exited(child)
      break
    }
    try {
      await until(() => linesOf(effects).some((line) => line.pid === pid && line.kind === 'ready'))
      await new Promise((resolve) => setTimeout(resolve, random() * 120))
      await meanwhile(round)
    } finally {
      child.kill('SIGKILL')
      await exited(child)
    }
  }
  return report(database, effects, rounds)
}

/** What the store, and the file of effects, say of all that was done. */
export async function report(database: string, effects: string, killed: number): Promise<KillReport> {
  const lines = linesOf(effects)
  const of = (kind: string) => lines.filter((line) => line.kind === kind).map(({ rest }) => rest)
  const violations: string[] = []
  await using storage = openStore(database)
  const left = (await storage.scan({ prefix: '', limit: 1_000_000 })).map(({ key }) => key)
  for (const key of left)
    if (!/^(ended|history|accepted|remembered|timeline|owner)\//.test(key))
      violations.push(`left over: ${key}`)
  const endedOf = new Map<string, number>()
  for (const { value } of await storage.scan({ prefix: 'ended/', limit: 1_000_000 })) {
    const run = value as { eventId: string; runId: string; status: string; state: Record<string, number> }
    endedOf.set(run.eventId, (endedOf.get(run.eventId) ?? 0) + 1)
    if (run.status !== 'succeeded') violations.push(`${run.eventId}: ${run.status}`)
    for (const stage of ['reserve', 'charge', 'ship']) {
      if (run.state[stage] !== 1)
        violations.push(`${run.eventId}: ${stage} was committed ${run.state[stage]} times`)
    }
    if (!of('outcome').some(([runId]) => runId === run.runId))
      violations.push(`${run.eventId}: nobody was told of its end`)
  }
  const keys = new Map<string, Set<string>>()
  for (const [eventId = '', stage = '', key = ''] of of('effect')) {
    const place = `${eventId} ${stage}`
    keys.set(place, (keys.get(place) ?? new Set()).add(key))
  }
  // An acknowledgement that was lost with its process comes again under another run, so only what was kept counts.
  for (const [eventId = ''] of of('accepted')) {
    if (endedOf.get(eventId) !== 1)
      violations.push(`${eventId} was accepted and ended ${endedOf.get(eventId) ?? 0} times`)
  }
  for (const [eventId] of endedOf) {
    for (const stage of ['reserve', 'charge', 'ship']) {
      const under = [...(keys.get(`${eventId} ${stage}`) ?? [])]
      if (under.length !== 1)
        violations.push(`${eventId}: ${stage} had its effect under [${under.join(', ')}]`)
    }
  }
  const done = of('effect')
  return {
    killed,
    accepted: new Set(of('accepted').map(([id]) => id)).size,
    ended: endedOf.size,
    effects: done.length,
    repeated: done.length - keys.size,
    violations,
  }
}
