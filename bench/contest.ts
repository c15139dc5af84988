import { execFile } from 'node:child_process'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Contestant, Goal, Workload } from './workloads.js'

/** The figures of one contestant, and how they compare with the floor's. */
export interface Standing {
  readonly contestant: string
  /** The library it does its work with, where that depends on the machine. */
  readonly using?: string
  readonly figures: readonly number[]
  readonly median: number
  readonly min: number
  readonly max: number
  /** Median, over the rounds, of the figure over that of the floor in the same round; so load that lasts cancels out. */
  readonly ratio: number
  readonly ratioMin: number
  readonly ratioMax: number
}

export interface Verdict extends Goal {
  readonly value: number
  readonly isMet: boolean
}

export interface Outcome {
  readonly workload: string
  readonly title: string
  readonly unit: string
  readonly measuredAt: string
  readonly rounds: number
  /** Processes that wanted a core, averaged over a minute, before and after. */
  readonly load: readonly [before: number, after: number]
  readonly standings: readonly Standing[]
  readonly verdicts: readonly Verdict[]
  /** Contestants that cannot run here, and why; the goals they have a part in are not judged. */
  readonly absent: readonly { readonly contestant: string; readonly reason: string }[]
}

/** What a contestant says of itself: the last line of its output. */
type Answer = { readonly value: number; readonly using?: string } | { readonly unavailable: string }

/** What a contestant may take for one round. */
const TIMEOUT_MS = 300_000

const run = promisify(execFile)
const folder = fileURLToPath(new URL('contestants/', import.meta.url))

/** Runs every contestant once per round, each in a fresh process, the order turned by one from round to round. */
export async function hold(workload: Workload, onProgress: (text: string) => void): Promise<Outcome> {
  const { contestants, rounds = 5 } = workload
  const figures = new Map<string, number[]>()
  const libraries = new Map<string, string>()
  const absent = new Map<string, string>()
  const before = loadavg()[0]!
  for (let round = 0; round < rounds; round++) {
    const order = [...contestants.slice(round % contestants.length), ...contestants]
    for (const contestant of order.slice(0, contestants.length)) {
      const { name } = contestant
      if (absent.has(name)) continue
      onProgress(`round ${round + 1} of ${rounds}: ${name}`)
      const answer = await answerOf(contestant)
      if ('unavailable' in answer) {
        absent.set(name, answer.unavailable)
        // Its other rounds would be held against floors that are not theirs.
        figures.delete(name)
        continue
      }
      if (answer.using !== undefined) libraries.set(name, answer.using)
      figures.set(name, [...(figures.get(name) ?? []), answer.value])
    }
  }
  const floor = contestants[0]!.name
  const floors = figures.get(floor)
  if (!floors)
    throw new Error(`There is nothing to compare with, "${floor}" cannot run: ${absent.get(floor)}`)
  return {
    workload: workload.name,
    title: workload.title,
    unit: workload.unit,
    measuredAt: new Date().toISOString(),
    rounds,
    load: [round2(before), round2(loadavg()[0]!)],
    standings: contestants
      .filter(({ name }) => figures.has(name))
      .map(({ name }) => ({
        ...standing(name, figures.get(name)!, floors),
        ...(libraries.has(name) ? { using: libraries.get(name)! } : {}),
      })),
    verdicts: (workload.goals ?? [])
      .filter(({ contestant, over }) => !absent.has(contestant) && !absent.has(over ?? ''))
      .map((goal) => judge(goal, figures)),
    absent: [...absent].map(([contestant, reason]) => ({ contestant, reason })),
  }
}

/** A peer that fails, or does not end, is left out; what is ours must not. */
async function answerOf({ name, command: [file, ...args], nodeOptions = [] }: Contestant): Promise<Answer> {
  let stdout: string
  try {
    const ended = await run(process.execPath, [...nodeOptions, folder + file, ...args], {
      timeout: TIMEOUT_MS,
    })
    stdout = ended.stdout
  } catch (error) {
    if (name.startsWith('busline')) throw error
    const { killed, stderr = '' } = error as { killed?: boolean; stderr?: string }
    const what = killed ? `did not end within ${TIMEOUT_MS / 1000} s` : 'failed'
    return { unavailable: `${what}: ${stderr.trim().split('\n')[0] ?? ''}` }
  }
  const answer = JSON.parse(stdout.trim().split('\n').at(-1)!) as Answer
  if (!('unavailable' in answer) && !Number.isFinite(answer.value))
    throw new Error(`${file} gave no figure: ${stdout}`)
  return answer
}

function standing(contestant: string, figures: readonly number[], floors: readonly number[]): Standing {
  const ratios = figures.map((figure, round) => figure / floors[round]!)
  return {
    contestant,
    figures: figures.map(round4),
    median: round4(median(figures)),
    min: round4(Math.min(...figures)),
    max: round4(Math.max(...figures)),
    ratio: round4(median(ratios)),
    ratioMin: round4(Math.min(...ratios)),
    ratioMax: round4(Math.max(...ratios)),
  }
}

function judge(goal: Goal, figures: ReadonlyMap<string, readonly number[]>): Verdict {
  const own = figures.get(goal.contestant)!
  const others = goal.over === undefined ? undefined : figures.get(goal.over)!
  const value = median(own.map((figure, round) => figure / (others?.[round] ?? 1)))
  const { atLeast = -Infinity, atMost = Infinity } = goal
  return { ...goal, value: round4(value), isMet: value >= atLeast && value <= atMost }
}

function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function round2(figure: number): number {
  return Math.round(figure * 100) / 100
}

/** Four digits: more would be noise. */
function round4(figure: number): number {
  return Number(figure.toPrecision(4))
}
