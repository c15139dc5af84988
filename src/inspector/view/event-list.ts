import type { TimelineEvent } from '../../timeline/timeline-event.js'
import { describeEvent, formatTime, toneOf } from '../model/event-text.js'
import type { LoadedRun } from '../model/loaded-run.js'
import { previewOf } from '../model/value-rows.js'
import { button, element } from './element.js'
import { VirtualList } from './virtual-list.js'

/** A filter of an event list: a word, and which events it lets through. */
export interface EventFilter {
  readonly label: string
  readonly tone: string
  readonly fits: (event: TimelineEvent) => boolean
}

export interface EventListOptions {
  readonly label: string
  readonly empty: string
  /** Which events are here at all. @default all */
  readonly isHere?: (event: TimelineEvent) => boolean
  readonly filters: readonly EventFilter[]
  /** The parts of a line. */
  readonly render: (event: TimelineEvent, row: HTMLElement) => void
  readonly onSeek: (seq: number) => void
}

/** Events as lines, with filters and search; those after the slider are dim. */
export class EventList {
  readonly element: HTMLElement
  readonly #options: EventListOptions
  readonly #list: VirtualList<TimelineEvent>
  readonly #search: HTMLInputElement
  readonly #count = element('span', { class: 'count', role: 'status' })
  readonly #chosen = new Set<EventFilter>()
  #run: LoadedRun | undefined
  #position = 0

  constructor(options: EventListOptions) {
    this.#options = options
    this.#list = new VirtualList<TimelineEvent>({
      rowHeight: 28,
      label: options.label,
      class: 'events',
      empty: options.empty,
      render: (event, row) => {
        row.append(
          element('span', { class: 'seq', text: String(event.seq) }),
          element('span', { class: 'time', text: formatTime(event.timestamp) }),
        )
        options.render(event, row)
        row.classList.toggle('future', event.seq > this.#position)
      },
      onChoose: ({ seq }) => options.onSeek(seq),
      onMove: ({ seq }) => options.onSeek(seq),
    })
    const chips = element('div', { class: 'chips', role: 'group', attributes: { 'aria-label': 'Kinds' } })
    for (const filter of options.filters) {
      const chip = button(filter.label, () => this.#toggle(filter, chip), {
        class: `chip tone-${filter.tone}`,
        attributes: { 'aria-pressed': 'false' },
      })
      chips.append(chip)
    }
    this.#search = element('input', {
      class: 'search',
      attributes: {
        type: 'search',
        placeholder: 'Search…',
        'aria-label': `Search ${options.label.toLowerCase()}`,
      },
      on: { input: () => this.#filter() },
    })
    const head = element('div', { class: 'list-head' }, this.#search, chips, this.#count)
    this.element = element('div', { class: 'event-list' }, head, this.#list.element)
  }

  show(run: LoadedRun): void {
    this.#run = run
    this.#filter()
  }

  /** @param reveals Whether to have the line in sight. */
  moveTo(position: number, reveals: boolean): void {
    this.#position = position
    this.#list.eachDrawn(({ seq }, row) => row.classList.toggle('future', seq > position))
    const index = this.#indexAt(position)
    this.#list.chosen = this.#list.items[index]?.seq === position ? index : -1
    if (reveals && index >= 0) this.#list.reveal(index)
  }

  #filter(): void {
    const { isHere = () => true } = this.#options
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean)
    const all = (this.#run?.events ?? []).filter(isHere)
    const found = all.filter(
      (event) =>
        (this.#chosen.size === 0 || [...this.#chosen].some(({ fits }) => fits(event))) &&
        (words.length === 0 || includesAll(event, words)),
    )
    this.#list.items = found
    this.#count.textContent =
      found.length === all.length ? `${all.length}` : `${found.length} of ${all.length}`
    const index = this.#indexAt(this.#position)
    this.#list.chosen = found[index]?.seq === this.#position ? index : -1
  }

  #toggle(filter: EventFilter, chip: HTMLElement): void {
    if (!this.#chosen.delete(filter)) this.#chosen.add(filter)
    chip.setAttribute('aria-pressed', String(this.#chosen.has(filter)))
    this.#filter()
  }

  /** The last line that is not after a position. */
  #indexAt(position: number): number {
    const { items } = this.#list
    let low = 0
    let high = items.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (items[middle]!.seq <= position) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

function includesAll(event: TimelineEvent, words: readonly string[]): boolean {
  const line = `${event.seq} ${event.type} ${describeEvent(event)}`.toLowerCase()
  return words.every((word) => line.includes(word))
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** What steps have logged. */
export function logList(onSeek: (seq: number) => void): EventList {
  return new EventList({
    label: 'Logs',
    empty: 'Nothing was logged',
    isHere: ({ type }) => type.startsWith('log:'),
    filters: LEVELS.map((level) => ({
      label: level,
      tone: `log-${level}`,
      fits: ({ type }) => type === `log:${level}`,
    })),
    onSeek,
    render: ({ type, payload }, row) => {
      const level = type.slice(4)
      const { message, path, data } = payload
      row.classList.add(`level-${level}`)
      row.append(
        element('span', { class: `level log-${level}`, text: level }),
        element('span', {
          class: 'message',
          text: typeof message === 'string' ? message : previewOf(message),
        }),
        element('span', { class: 'data', text: data === undefined ? '' : previewOf(data) }),
        element('span', { class: 'place', text: typeof path === 'string' ? path : '' }),
      )
    },
  })
}

const GROUPS: readonly EventFilter[] = [
  { label: 'run', tone: 'plain', fits: ({ type }) => /^(pipeline|subpipeline):/.test(type) },
  { label: 'stage', tone: 'plain', fits: ({ type }) => /^(stage|router):/.test(type) },
  { label: 'step', tone: 'plain', fits: ({ type }) => type.startsWith('step:') },
  { label: 'state', tone: 'state', fits: ({ type }) => type.startsWith('state:') },
  { label: 'wait', tone: 'wait', fits: ({ type }) => /^(watch:|pipeline:(pause|resume))/.test(type) },
  { label: 'fault', tone: 'bad', fits: (event) => toneOf(event) === 'bad' || event.type === 'step:retry' },
  { label: 'service', tone: 'plain', fits: ({ type }) => type.startsWith('service:') },
]

/** Everything that was recorded. */
export function allEvents(onSeek: (seq: number) => void): EventList {
  return new EventList({
    label: 'Events',
    empty: 'Nothing was recorded',
    filters: GROUPS,
    onSeek,
    render: (event, row) => {
      row.append(
        element('span', { class: `tone tone-${toneOf(event)}`, text: event.type }),
        element('span', { class: 'message', text: describeEvent(event) }),
      )
    },
  })
}
