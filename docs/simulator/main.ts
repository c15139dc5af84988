import { drawLanes } from './lanes-view.js'
import { MODE_CHOICES, type ModeChoice } from './mode-choices.js'
import { Simulation, type TracedEvent } from './simulation.js'

const $ = <Type extends Element = HTMLElement>(id: string) => document.getElementById(id) as unknown as Type
const lanes = $<SVGSVGElement>('lanes')
const work = $<HTMLInputElement>('work')
/** The longest step of time that one frame may bring: a tab that was hidden does not catch up. */
const MAX_FRAME_MS = 100
const MAX_RECEIPTS = 40
const BURST = 6

let choice = fromAddress()
let simulation = await Simulation.open(choice)
let isHeld = false

function fromAddress(): ModeChoice {
  const id = location.hash.slice(1)
  return MODE_CHOICES.find((each) => each.id === id) ?? MODE_CHOICES[0]!
}

function showChoice(): void {
  $('says').textContent = choice.says
  $('good-for').textContent = choice.goodFor
  const options = Object.entries(choice.mode).map(([name, value]) => `${name}: ${format(value)}`)
  $('code').textContent =
    `await runtime.register(workflow, {\n  mode: { ${options.join(', ')} },\n  key: (event) => event.payload.key,\n})`
  for (const button of $('modes').querySelectorAll('button')) {
    const isChosen = button.dataset['id'] === choice.id
    button.setAttribute('aria-checked', String(isChosen))
    button.tabIndex = isChosen ? 0 : -1
  }
}

const format = (value: unknown) => (typeof value === 'string' ? `'${value}'` : String(value))

async function choose(next: ModeChoice): Promise<void> {
  const old = simulation
  choice = next
  history.replaceState(null, '', `#${next.id}`)
  simulation = await Simulation.open(next)
  showChoice()
  showReceipts()
  await old.close()
}

for (const each of MODE_CHOICES) {
  const button = document.createElement('button')
  button.textContent = each.label
  button.dataset['id'] = each.id
  button.setAttribute('role', 'radio')
  button.addEventListener('click', () => void choose(each))
  $('modes').append(button)
}

// A group of radio buttons is one stop of the tab key; arrows move within it.
$('modes').addEventListener('keydown', (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
  if (step === undefined) return
  event.preventDefault()
  const index = (MODE_CHOICES.indexOf(choice) + step + MODE_CHOICES.length) % MODE_CHOICES.length
  $('modes').querySelectorAll('button')[index]?.focus()
  void choose(MODE_CHOICES[index]!)
})

const workMs = () => Number(work.value) * 1000
const showWork = () => ($('work-text').textContent = `${Number(work.value)} s`)
work.addEventListener('input', showWork)

for (const button of document.querySelectorAll<HTMLButtonElement>('.send')) {
  button.addEventListener('click', () => void simulation.publish(button.dataset['key']!, workMs()))
}
$('burst').addEventListener('click', () => {
  for (let n = 0; n < BURST; n++) void simulation.publish('A', workMs())
})
$('hold').addEventListener('click', () => {
  isHeld = !isHeld
  $('hold').setAttribute('aria-pressed', String(isHeld))
})
$('clear').addEventListener('click', () => void choose(choice))
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === 'a' || event.key === 'b') void simulation.publish(event.key.toUpperCase(), workMs())
})

function showReceipts(): void {
  const rows = simulation.events
    .flatMap((event) => event.receipts.map((receipt) => ({ event, receipt })))
    .sort((one, other) => other.receipt.at - one.receipt.at || other.event.number - one.event.number)
    .slice(0, MAX_RECEIPTS)
  const list = $('receipts')
  list.replaceChildren(
    ...rows.map(({ event, receipt }) => {
      const row = document.createElement('li')
      row.append(
        span('at', `${(receipt.at / 1000).toFixed(1)} s`),
        span('event', `${event.key} ${event.number}`),
        span(`outcome ${receipt.outcome}`, receipt.outcome),
      )
      return row
    }),
  )
}

function span(kind: string, words: string): HTMLElement {
  const element = document.createElement('span')
  element.className = kind
  element.textContent = words
  return element
}

const countReceipts = (events: readonly TracedEvent[]) =>
  events.reduce((sum, { receipts }) => sum + receipts.length, 0)

async function play(): Promise<never> {
  let last = performance.now()
  let shown = -1
  for (;;) {
    const time = await new Promise<number>((resolve) => requestAnimationFrame(resolve))
    const playing = simulation
    if (!isHeld) await playing.advance(Math.min(MAX_FRAME_MS, Math.max(0, time - last)))
    last = time
    if (playing !== simulation) continue
    drawLanes(lanes, playing.events, playing.now)
    const count = countReceipts(playing.events)
    if (count !== shown) showReceipts()
    shown = count
  }
}

showChoice()
showWork()
showReceipts()
void play()
