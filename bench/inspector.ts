/**
 * How long the inspector takes to open a run of 10 000 events among 1 000 runs, and to answer moves of its slider: in a page of
 * Chromium, from the move until all of the page shows it, layout included.
 *
 * `npm run bench -- inspector`
 */
import { loadavg } from 'node:os'
import { buildPages } from '../test/browser/built-pages.js'
import { findChromium } from '../test/browser/find-chromium.js'
import { openBrowser } from '../test/browser/open-browser.js'
import { align, describeMachine } from './report.js'
import { writeBlock } from './write-block.js'

/** A frame at 60 a second. */
const FRAME_MS = 1000 / 60
const VIEWS = ['Timeline', 'Graph', 'Logs', 'Events']
const MOVES = 300

const chromium = findChromium()
if (!chromium) {
  console.warn('NOT MEASURED: Chromium is not there')
  process.exit()
}
const before = loadavg()[0]!
const pages = await buildPages()
const browser = await openBrowser(chromium)
const page = await browser.newPage()
await page.goto(pages.url('test/browser/pages/inspector.html?data=large'))
await page.locator('.runs .vlist-row').first().waitFor()
const openedMs = await page.evaluate(openFirst)
const rows: string[][] = []
let slowest = 0
for (const view of VIEWS) {
  await page.getByRole('tab', { name: view }).click()
  const times = await page.evaluate(timeMoves, MOVES)
  times.sort((one, other) => one - other)
  const at = (share: number) => times[Math.floor((times.length - 1) * share)]!
  slowest = Math.max(slowest, at(0.95))
  rows.push([view, ...[at(0.5), at(0.95), at(1)].map((ms) => ms.toFixed(1))])
}
await browser.close()
await pages.close()

const text = [
  `${describeMachine()}, ${new Date().toISOString().slice(0, 10)}.`,
  `**A run of 10 000 events, opened in ${openedMs.toFixed(0)} ms; then ${MOVES} moves of the slider in each view, ms**`,
  align([['', 'median', '95th percentile', 'longest'], ...rows]).join('\n'),
  `Load ${before.toFixed(2)} before and ${loadavg()[0]!.toFixed(2)} after.`,
  `Goal: 95 of 100 moves within a frame of ${FRAME_MS.toFixed(1)} ms. ${slowest <= FRAME_MS ? 'Met' : '**Missed**'}: ${slowest.toFixed(1)}.`,
].join('\n\n')
console.log(text)
writeBlock('inspector', text)
if (slowest > FRAME_MS) process.exitCode = 1

/** Runs in the page: from a click on the first run until its last event is shown. */
async function openFirst(): Promise<number> {
  const root = document.querySelector('busline-inspector')!.shadowRoot!
  const started = performance.now()
  root.querySelector<HTMLElement>('.runs .vlist-row')!.click()
  while (!root.querySelector('.at')?.textContent?.startsWith('10000 / 10000')) {
    await new Promise((resolve) => requestAnimationFrame(resolve))
  }
  return performance.now() - started
}

/** Runs in the page: moves far and near, forth and back. */
async function timeMoves(moves: number): Promise<number[]> {
  const root = document.querySelector('busline-inspector')!.shadowRoot!
  const range = root.querySelector<HTMLInputElement>('input[type=range]')!
  const label = root.querySelector('.at-event')!
  const times: number[] = []
  for (let move = 0; move < moves; move++) {
    const near = Number(range.value) + (move % 3 === 1 ? 1 : -2)
    const seq = move % 3 === 0 ? 1 + ((move * 7919) % 10_000) : near
    const changed = new Promise<void>((resolve) => {
      const observer = new MutationObserver(() => {
        observer.disconnect()
        resolve()
      })
      observer.observe(label, { childList: true })
    })
    const started = performance.now()
    range.value = String(seq)
    range.dispatchEvent(new Event('input', { bubbles: true }))
    await changed
    await Promise.resolve()
    root.querySelector<HTMLElement>('.shell')!.getBoundingClientRect()
    times.push(performance.now() - started)
    await new Promise((resolve) => requestAnimationFrame(resolve))
  }
  return times
}
