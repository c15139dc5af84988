import { element } from './element.js'

export interface VirtualListOptions<Item> {
  /** Pixels; all rows are as high. */
  readonly rowHeight: number
  readonly label: string
  /** @default 'listbox' */
  readonly role?: 'listbox' | 'tree' | 'treegrid'
  /** What goes into the row of an item. */
  readonly render: (item: Item, row: HTMLElement, index: number) => void
  /** Somebody chose a row: a click, or the Enter key. */
  readonly onChoose?: (item: Item, index: number) => void
  /** The active row has moved. */
  readonly onMove?: (item: Item, index: number) => void
  /** A key that moves nothing; returns whether it was used. */
  readonly onKey?: (key: string, item: Item, index: number) => boolean
  /** The end is near: load more. */
  readonly onEnd?: () => void
  readonly class?: string
  /** What to say when there are no items. */
  readonly empty?: string
}

/** Rows above and below what is to be seen that are kept as well. */
const MARGIN = 6

const ROLES = { listbox: 'option', tree: 'treeitem', treegrid: 'row' } as const

let lists = 0

/**
 * A list that has elements only for the rows that are to be seen, however many there are. It is one stop of the
 * tabulator; the arrow keys move the active row, which screen readers are told of.
 */
export class VirtualList<Item> {
  readonly element: HTMLElement
  readonly #options: VirtualListOptions<Item>
  readonly #space: HTMLElement
  readonly #empty: HTMLElement
  readonly #id = `list${++lists}`
  readonly #rows = new Map<number, HTMLElement>()
  /** What is to be seen, as it was last told: to ask for it would lay the page out each time. */
  #height = 0
  #top = 0
  #items: readonly Item[] = []
  #active = -1
  #chosen = -1

  constructor(options: VirtualListOptions<Item>) {
    this.#options = options
    this.#space = element('div', { class: 'vlist-space', role: 'presentation' })
    this.#empty = element('div', {
      class: 'vlist-empty',
      text: options.empty ?? 'Nothing here',
      role: 'presentation',
    })
    this.element = element(
      'div',
      {
        class: `vlist ${options.class ?? ''}`,
        role: options.role ?? 'listbox',
        attributes: { tabindex: '0', 'aria-label': options.label },
        on: {
          scroll: () => this.#measure(),
          keydown: (event) => this.#onKey(event as KeyboardEvent),
          click: (event) => this.#onClick(event as MouseEvent),
        },
      },
      this.#space,
      this.#empty,
    )
    // A list that was hidden, or is given room, has more to show.
    new ResizeObserver(([entry]) => this.#measure(entry!.contentRect.height)).observe(this.element)
  }

  get items(): readonly Item[] {
    return this.#items
  }

  get active(): number {
    return this.#active
  }

  set items(items: readonly Item[]) {
    this.#items = items
    if (this.#active >= items.length) this.#active = items.length - 1
    this.#top = Math.max(0, Math.min(this.#top, items.length * this.#options.rowHeight - this.#height))
    this.#space.style.setProperty('height', `${items.length * this.#options.rowHeight}px`)
    this.#empty.hidden = items.length > 0
    this.element.setAttribute('aria-rowcount', String(items.length))
    this.redraw()
  }

  /** What is chosen is marked; -1 for nothing. */
  set chosen(index: number) {
    if (index === this.#chosen) return
    const before = this.#rows.get(this.#chosen)
    before?.classList.remove('chosen')
    before?.setAttribute('aria-selected', 'false')
    this.#chosen = index
    const row = this.#rows.get(index)
    row?.classList.add('chosen')
    row?.setAttribute('aria-selected', 'true')
  }

  /** Draws the rows that are to be seen anew. */
  redraw(): void {
    for (const row of this.#rows.values()) row.remove()
    this.#rows.clear()
    this.#draw()
  }

  /** Calls back with the rows that are drawn. */
  eachDrawn(action: (item: Item, row: HTMLElement, index: number) => void): void {
    for (const [index, row] of this.#rows) action(this.#items[index]!, row, index)
  }

  /** Makes a row the active one, and has it in sight. */
  moveTo(index: number, tell = true): void {
    const item = this.#items[index]
    if (item === undefined) return
    this.#rows.get(this.#active)?.classList.remove('active')
    this.#active = index
    this.reveal(index)
    this.#rows.get(index)?.classList.add('active')
    this.element.setAttribute('aria-activedescendant', this.#rowId(index))
    if (tell) this.#options.onMove?.(item, index)
  }

  /** Scrolls as little as is needed to have a row in sight. */
  reveal(index: number): void {
    if (index < 0) return
    const { rowHeight } = this.#options
    const { scrollTop, clientHeight } = this.element
    const top = index * rowHeight
    if (top < scrollTop) this.element.scrollTop = top
    else if (top + rowHeight > scrollTop + clientHeight)
      this.element.scrollTop = top + rowHeight - clientHeight
    this.#draw()
  }

  #measure(height = this.#height): void {
    this.#height = height
    this.#top = this.element.scrollTop
    this.#draw()
  }

  #draw(): void {
    const { rowHeight, onEnd } = this.#options
    if (this.#height === 0) return
    const first = Math.max(0, Math.floor(this.#top / rowHeight) - MARGIN)
    const last = Math.min(this.#items.length - 1, Math.ceil((this.#top + this.#height) / rowHeight) + MARGIN)
    for (const [index, row] of this.#rows) {
      if (index >= first && index <= last) continue
      row.remove()
      this.#rows.delete(index)
    }
    for (let index = first; index <= last; index++) if (!this.#rows.has(index)) this.#drawRow(index)
    if (last >= this.#items.length - 1 - MARGIN) onEnd?.()
  }

  #drawRow(index: number): void {
    const { rowHeight, role = 'listbox', render } = this.#options
    const row = element('div', {
      class: `vlist-row${index === this.#active ? ' active' : ''}${index === this.#chosen ? ' chosen' : ''}`,
      role: ROLES[role],
      attributes: {
        id: this.#rowId(index),
        'aria-selected': String(index === this.#chosen),
        'data-index': String(index),
        ...(role === 'treegrid'
          ? { 'aria-rowindex': String(index + 1) }
          : { 'aria-setsize': String(this.#items.length), 'aria-posinset': String(index + 1) }),
      },
      style: { transform: `translateY(${index * rowHeight}px)`, height: `${rowHeight}px` },
    })
    render(this.#items[index]!, row, index)
    this.#rows.set(index, row)
    this.#space.append(row)
  }

  #onClick(event: MouseEvent): void {
    const row = (event.target as Element).closest('.vlist-row')
    const index = Number(row?.getAttribute('data-index') ?? NaN)
    const item = this.#items[index]
    if (item === undefined) return
    this.moveTo(index)
    this.#options.onChoose?.(item, index)
  }

  #onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const { rowHeight, onChoose, onKey } = this.#options
    const page = Math.max(1, Math.floor(this.#height / rowHeight) - 1)
    const last = this.#items.length - 1
    const target = {
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: last,
    }[event.key]
    if (target !== undefined) this.moveTo(Math.min(last, Math.max(0, target)))
    else {
      const item = this.#items[this.#active]
      if (item === undefined) return
      if (event.key === 'Enter' || event.key === ' ') onChoose?.(item, this.#active)
      else if (!onKey?.(event.key, item, this.#active)) return
    }
    event.preventDefault()
    event.stopPropagation()
  }

  #rowId(index: number): string {
    return `${this.#id}-${index}`
  }
}
