/**
 * Whether the time of `safeCompare` tells where a token is wrong: a million comparisons, tokens whose first or whose last
 * character is wrong in random order, held against each other with Welch's t-test as dudect does (Reparaz, Balasch and
 * Verbauwhede, "Dude, is my code constant time?", 2017). The same test of a comparison that stops at the first difference
 * shows that it would see a leak. Exits with 1 where `safeCompare` leaks, or where the test sees nothing.
 *
 * `npm run bench -- token-timing`, or `npx tsx bench/token-timing.ts [samples]`
 */
import { safeCompare } from '../src/remote/index.js'
import { align, describeMachine } from './report.js'
import { writeBlock } from './write-block.js'

const samples = Number(process.argv[2] ?? 1_000_000)
/** Beyond it, dudect calls a difference a leak. */
const LEAK = 4.5
/** Of the samples of both kinds together, the slowest are left out: a collection or another process came between. */
const KEPT = 0.9

const token = 'c2VjcmV0LW9mLWEtd29ya2VyLXRoYXQtZGlhbHMtaW4tZnJvbS1mYXItYXdheQ'
const kinds = { first: `X${token.slice(1)}`, last: `${token.slice(0, -1)}X` }

interface Leak {
  readonly first: number
  readonly last: number
  /** Welch's t of the two means. */
  readonly t: number
}

const rows = [
  ['safeCompare', measure(safeCompare)],
  ['a loop that stops at the first difference', measure(stopsEarly)],
] as const
const machine = `${describeMachine()}, ${new Date().toISOString().slice(0, 10)}.`
const table = align([
  ['', 'first character wrong, ns', 'last character wrong, ns', "Welch's t"],
  ...rows.map(([name, { first, last, t }]) => [name, first.toFixed(1), last.toFixed(1), t.toFixed(1)]),
]).join('\n')
const [ours, naive] = rows.map(([, { t }]) => Math.abs(t)) as [number, number]
const text = [
  machine,
  `**${samples.toLocaleString('en')} comparisons of a token of ${token.length} characters, in random order**`,
  table,
  `Goal: less than ${LEAK}, which the loop exceeds. ${ours < LEAK && naive > LEAK ? 'Met' : '**Missed**'}: ${ours.toFixed(1)}.`,
].join('\n\n')
console.log(text)
writeBlock('token-timing', text)
if (ours >= LEAK || naive <= LEAK) process.exitCode = 1

function measure(compare: (given: string, expected: string) => boolean): Leak {
  const isLast = new Uint8Array(samples)
  const nanoseconds = new Float64Array(samples)
  for (let at = -samples / 10; at < samples; at++) {
    const last = Math.random() < 0.5
    const given = last ? kinds.last : kinds.first
    const before = process.hrtime()
    const isSame = compare(given, token)
    const [seconds, rest] = process.hrtime(before)
    if (isSame) throw new Error('A wrong token was taken for the right one')
    if (at < 0) continue
    isLast[at] = Number(last)
    nanoseconds[at] = seconds * 1e9 + rest
  }
  const limit = nanoseconds.slice().sort()[Math.floor(samples * KEPT)]!
  const [first, last] = [0, 1].map((kind) =>
    moments(nanoseconds.filter((each, at) => isLast[at] === kind && each < limit)),
  ) as [Moments, Moments]
  const t = (last.mean - first.mean) / Math.sqrt(first.variance / first.count + last.variance / last.count)
  return { first: first.mean, last: last.mean, t }
}

interface Moments {
  readonly count: number
  readonly mean: number
  readonly variance: number
}

function moments(figures: Float64Array): Moments {
  const mean = figures.reduce((sum, each) => sum + each, 0) / figures.length
  const variance = figures.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (figures.length - 1)
  return { count: figures.length, mean, variance }
}

function stopsEarly(given: string, expected: string): boolean {
  for (let at = 0; at < expected.length; at++) {
    if (given.charCodeAt(at) !== expected.charCodeAt(at)) return false
  }
  return given.length === expected.length
}
