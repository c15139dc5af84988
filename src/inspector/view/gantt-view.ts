import { type Bar, type GanttRow, toGanttRows, visibleRows } from '../model/gantt-rows.js'
import { formatMs } from '../model/event-text.js'
import type { LoadedRun } from '../model/loaded-run.js'
import { type ScaleMode, type TimeScale, createTimeScale } from '../model/time-scale.js'
import { labelAround, labelFrom, withRoom } from './axis-labels.js'
import { button, element } from './element.js'
import { VirtualList } from './virtual-list.js'

/** Beyond so many rows stages are shut when a run is opened. */
const MANY_ROWS = 400

/** As many as the tracks have lines. */
const TICKS = 7

const MODES: readonly (readonly [ScaleMode, string, string])[] = [
  ['folded', 'Folded', 'Time, with long waits drawn short'],
  ['time', 'Time', 'Time as it went'],
  ['events', 'Events', 'One event after the other'],
]

/** A run as a Gantt chart: pipelines, stages, steps with their attempts and retries, and waits, along one axis. */
export class GanttView {
  readonly element: HTMLElement
  readonly #onSeek: (seq: number) => void
  readonly #list: VirtualList<GanttRow>
  readonly #axis = element('div', { class: 'axis', attributes: { 'aria-hidden': 'true' } })
  readonly #head = element('div', { class: 'head-line' })
  readonly #tools = element('div', {
    class: 'gantt-tools',
    role: 'group',
    attributes: { 'aria-label': 'Scale' },
  })
  readonly #collapsed = new Set<string>()
  #roots: readonly GanttRow[] = []
  #run: LoadedRun | undefined
  #scale: TimeScale = createTimeScale([], 'folded')
  #mode: ScaleMode = 'folded'
  /** What is to be seen of the scale. */
  #window = { from: 0, to: 1 }
  #position = 0
  #hasShut = false

  constructor(onSeek: (seq: number) => void) {
    this.#onSeek = onSeek
    this.#list = new VirtualList<GanttRow>({
      rowHeight: 28,
      label: 'Stages and steps over time',
      role: 'treegrid',
      class: 'gantt',
      empty: 'Nothing was recorded of this run',
      render: (item, row) => this.#renderRow(item, row),
      onChoose: ({ bars }) => this.#onSeek(bars[0]?.from ?? 0),
      onKey: (key, row) => this.#onKey(key, row),
    })
    for (const [mode, label, title] of MODES) {
      this.#tools.append(
        button(label, () => this.#setMode(mode), {
          title,
          attributes: { 'aria-pressed': String(mode === this.#mode), 'data-mode': mode },
        }),
      )
    }
    this.#tools.append(
      element('span', { class: 'gap', attributes: { 'aria-hidden': 'true' } }),
      button('−', () => this.#zoom(2), { title: 'Zoom out', attributes: { 'aria-label': 'Zoom out' } }),
      button('+', () => this.#zoom(0.5), { title: 'Zoom in', attributes: { 'aria-label': 'Zoom in' } }),
      button('Fit', () => this.#zoom(Infinity), { title: 'Show all of it' }),
    )
    const head = element('div', { class: 'gantt-head' }, this.#tools, this.#axis, legend())
    const overlay = element('div', { class: 'gantt-overlay' }, element('div', {}, this.#head))
    this.element = element('div', { class: 'gantt-view' }, head, this.#list.element, overlay)
    // What has room depends on the width.
    new ResizeObserver(() => this.#drawAxis()).observe(this.#axis)
    this.element.addEventListener('wheel', (event) => this.#onWheel(event), { passive: false })
    this.element.addEventListener('dblclick', (event) => this.#onDoubleClick(event))
  }

  /** Takes up a run, or what was loaded of it since. */
  show(run: LoadedRun): void {
    if (run !== this.#run) {
      this.#run = run
      this.#collapsed.clear()
      this.#hasShut = false
      this.#window = { from: 0, to: 1 }
    }
    this.#roots = toGanttRows(run.events)
    this.#scale = createTimeScale(run.events, this.#mode)
    if (!this.#hasShut && visibleRows(this.#roots, this.#collapsed).length > MANY_ROWS) {
      this.#hasShut = true
      this.#shutStages(this.#roots)
    }
    this.#draw()
  }

  /** @param reveals Whether to have what runs there in sight. */
  moveTo(position: number, reveals: boolean): void {
    this.#position = position
    this.#placeHead()
    if (reveals)
      this.#list.reveal(this.#list.items.findLastIndex(({ bars }) => (bars[0]?.from ?? 0) <= position))
    this.#list.eachDrawn((item, row) => this.#markRow(item, row))
  }

  #draw(): void {
    this.#list.items = visibleRows(this.#roots, this.#collapsed)
    this.#drawAxis()
    this.#placeHead()
  }

  #renderRow(item: GanttRow, row: HTMLElement): void {
    const { kind, label, depth, note, children, id } = item
    row.classList.add(`g-${kind}`)
    row.setAttribute('aria-level', String(depth + 1))
    row.style.setProperty('--depth', String(depth))
    const isShut = this.#collapsed.has(id)
    if (children.length > 0) row.setAttribute('aria-expanded', String(!isShut))
    const twist = element('span', {
      class: `twist${children.length > 0 ? (isShut ? ' shut' : ' open') : ''}`,
      attributes: { 'aria-hidden': 'true' },
      on: {
        click: (event) => {
          event.stopPropagation()
          this.#toggle(item, isShut)
        },
      },
    })
    const last = item.bars.at(-1)
    const title = [label, note].filter(Boolean).join(': ')
    row.append(
      element(
        'div',
        { class: 'g-label', role: 'gridcell', title },
        twist,
        element('span', { class: 'g-name', text: label }),
        note === undefined
          ? undefined
          : element('span', { class: `g-note${last?.kind === 'failed' ? ' bad' : ''}`, text: note }),
      ),
      element(
        'div',
        { class: 'g-track', role: 'gridcell' },
        ...item.bars.map((bar) => this.#renderBar(bar, item)),
      ),
    )
    this.#markRow(item, row)
  }

  #renderBar(bar: Bar, { label }: GanttRow): HTMLElement | undefined {
    const from = this.#place(this.#scale.at(bar.from))
    const to = bar.to === undefined ? this.#place(1) : this.#place(this.#scale.at(bar.to))
    if (to < -0.01 || from > 1.01) return undefined
    const left = Math.max(-0.01, from)
    const lasted = this.#lasted(bar)
    const words = [label, bar.kind === 'retry' ? 'waits to try again' : bar.kind, bar.note, lasted]
      .filter(Boolean)
      .join(' · ')
    const width = Math.min(1.01, to) - left
    const shown = element('div', {
      class: `bar b-${bar.kind}${bar.to === undefined ? ' open' : ''}`,
      title: words,
      style: { left: `${left * 100}%`, width: `${width * 100}%` },
      on: {
        click: (event) => {
          event.stopPropagation()
          this.#onSeek((event as MouseEvent).shiftKey ? (bar.to ?? bar.from) : bar.from)
        },
      },
    })
    if (width > 0.09) shown.append(element('span', { class: 'bar-text', text: lasted }))
    return shown
  }

  #lasted({ from, to }: Bar): string {
    const events = this.#run?.events ?? []
    const start = events[from - 1]?.timestamp ?? 0
    const end = (to === undefined ? events.at(-1) : events[to - 1])?.timestamp ?? start
    return formatMs(Math.max(0, end - start))
  }

  /** What the slider has passed, what it stands in, and what is yet to come. */
  #markRow(item: GanttRow, row: HTMLElement): void {
    const [first] = item.bars
    const last = item.bars.at(-1)
    const isPast = last?.to !== undefined && last.to <= this.#position
    row.classList.toggle('future', (first?.from ?? 0) > this.#position)
    row.classList.toggle('now', (first?.from ?? Infinity) <= this.#position && !isPast)
  }

  #drawAxis(): void {
    const { from, to } = this.#window
    const width = this.#axis.clientWidth
    const ticks = Array.from({ length: TICKS }, (_, index) => {
      const place = from + (index / TICKS) * (to - from)
      const isCounted = this.#mode === 'events'
      const text = isCounted ? `#${this.#scale.seqAt(place)}` : formatMs(this.#scale.msAt(place))
      return labelFrom(text, (index / TICKS) * width)
    })
    const folds = this.#scale.folds.flatMap((fold) => {
      const middle = (this.#place(this.#scale.at(fold.from)) + this.#place(this.#scale.at(fold.to))) / 2
      return middle < 0 || middle > 1 ? [] : [labelAround(formatMs(fold.ms), middle * width, width)]
    })
    this.#axis.replaceChildren(
      ...withRoom(ticks).map(({ text, left }) =>
        element('span', { class: 'tick', text, style: { left: `${left}px` } }),
      ),
      ...withRoom(folds).map(({ text, left }) =>
        element('span', {
          class: 'fold',
          text,
          title: 'A wait, drawn short',
          style: { left: `${left}px` },
        }),
      ),
    )
  }

  #placeHead(): void {
    const place = this.#place(this.#scale.at(this.#position))
    this.#head.hidden = place < 0 || place > 1 || this.#position === 0
    this.#head.style.setProperty('left', `${place * 100}%`)
  }

  #place(place: number): number {
    return (place - this.#window.from) / (this.#window.to - this.#window.from)
  }

  #setMode(mode: ScaleMode): void {
    this.#mode = mode
    for (const tool of this.#tools.querySelectorAll('[data-mode]')) {
      tool.setAttribute('aria-pressed', String(tool.getAttribute('data-mode') === mode))
    }
    this.#scale = createTimeScale(this.#run?.events ?? [], mode)
    this.#zoom(Infinity)
  }

  /** @param factor How much more is to be seen afterwards. */
  #zoom(factor: number, around = this.#scale.at(this.#position)): void {
    const { from, to } = this.#window
    const width = Math.min(1, Math.max(1e-5, (to - from) * factor))
    const middle = Math.min(to, Math.max(from, around))
    const share = (middle - from) / (to - from)
    const start = Math.min(1 - width, Math.max(0, middle - share * width))
    this.#window = { from: start, to: start + width }
    this.#draw()
  }

  #onWheel(event: WheelEvent): void {
    const { from, to } = this.#window
    if (event.ctrlKey || event.metaKey) {
      const track = this.#axis.getBoundingClientRect()
      const share = Math.min(1, Math.max(0, (event.clientX - track.left) / track.width))
      event.preventDefault()
      return this.#zoom(event.deltaY > 0 ? 1.25 : 0.8, from + share * (to - from))
    }
    const across = event.shiftKey ? event.deltaY : event.deltaX
    if (Math.abs(across) < 1 || (event.shiftKey ? false : Math.abs(event.deltaX) < Math.abs(event.deltaY)))
      return
    event.preventDefault()
    const step = (across / 1000) * (to - from)
    const start = Math.min(1 - (to - from), Math.max(0, from + step))
    this.#window = { from: start, to: start + (to - from) }
    this.#draw()
  }

  /** A double click on the tracks goes to that moment. */
  #onDoubleClick(event: MouseEvent): void {
    if (!(event.target as Element).closest('.g-track')) return
    const track = this.#axis.getBoundingClientRect()
    const share = (event.clientX - track.left) / track.width
    this.#onSeek(
      Math.max(1, this.#scale.seqAt(this.#window.from + share * (this.#window.to - this.#window.from))),
    )
  }

  #onKey(key: string, row: GanttRow): boolean {
    if (key === 'ArrowRight') this.#toggle(row, true)
    else if (key === 'ArrowLeft') this.#toggle(row, false)
    else if (key === '+' || key === '=') this.#zoom(0.5)
    else if (key === '-') this.#zoom(2)
    else if (key === '0') this.#zoom(Infinity)
    else return false
    return true
  }

  #toggle({ id, children }: GanttRow, isOpen: boolean): void {
    if (children.length === 0) return
    if (isOpen) this.#collapsed.delete(id)
    else this.#collapsed.add(id)
    this.#draw()
  }

  #shutStages(rows: readonly GanttRow[]): void {
    for (const row of rows) {
      if (row.kind === 'stage') this.#collapsed.add(row.id)
      else this.#shutStages(row.children)
    }
  }
}

const LEGEND = [
  ['ok', 'done'],
  ['failed', 'failed'],
  ['retry', 'before a retry'],
  ['wait', 'waits'],
] as const

function legend(): HTMLElement {
  const entries = LEGEND.map(([kind, label]) =>
    element('span', {}, element('i', { class: `swatch b-${kind}` }), element('span', { text: label })),
  )
  return element('div', { class: 'legend', attributes: { 'aria-hidden': 'true' } }, ...entries)
}
