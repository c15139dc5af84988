/**
 * Appending to timelines in IndexedDB against the same batches written by hand with idb: in Chromium, and in Node on
 * fake-indexeddb. Taken in turns in one process, so that the ratio means something on a machine that does other work.
 *
 * `npm run bench -- timelines-indexeddb`
 */
import 'fake-indexeddb/auto'
import { fileURLToPath } from 'node:url'
import { findChromium } from '../test/browser/find-chromium.js'
import { runInChromium } from '../test/storage/chromium.js'
import { describeMachine } from './report.js'
import { type Measured, type MeasureOptions, measure } from './timelines/measure.js'
import { writeBlock } from './write-block.js'

const page = fileURLToPath(new URL('timelines/page.ts', import.meta.url))
const chromium = findChromium()
const common = { rounds: 9, batches: 60, batchSize: 100 }
const lines: string[] = []

if (chromium) {
  for (const durability of ['relaxed', 'strict'] as const) {
    const options: MeasureOptions = { ...common, durability }
    const search = `?${encodeURIComponent(JSON.stringify(options))}`
    tell(`Chromium, ${durability}`, await runInChromium<Measured>(page, chromium, search))
  }
} else console.warn('NOT MEASURED: Chromium is not there')
tell('fake-indexeddb', await measure({ ...common, durability: 'relaxed' }))

const table = [
  '| where | by hand, a row per batch | by hand, a row per event | busline | ratio to a row per batch |',
  '| --- | ---: | ---: | ---: | ---: |',
  ...lines,
].join('\n')
console.log(table)
const day = new Date().toISOString().slice(0, 10)
writeBlock('timelines-indexeddb', `${describeMachine()}, ${day}. Events/s, batches of 100.\n\n${table}`)

function tell(where: string, { raw, rawRowPerEvent, busline }: Measured): void {
  const ratios = busline.map((rate, round) => rate / raw[round]!)
  const rate = (values: readonly number[]) => Math.round(median(values)).toLocaleString('en')
  const range = `${Math.min(...ratios).toFixed(2)} – ${Math.max(...ratios).toFixed(2)}`
  lines.push(
    `| ${where} | ${rate(raw)} | ${rate(rawRowPerEvent)} | ${rate(busline)} | **${median(ratios).toFixed(2)}** (${range}) |`,
  )
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}
