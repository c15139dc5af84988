import { type ValueRow, toValueRows } from '../model/value-rows.js'
import { element } from './element.js'
import { VirtualList } from './virtual-list.js'

/** How many levels of a small value are open to begin with. */
const OPEN_AT_FIRST = 12

/** A value as a tree that opens level by level; what has changed is marked. */
export class ValueTree {
  readonly element: HTMLElement
  readonly #list: VirtualList<ValueRow>
  readonly #expanded = new Set<string>()
  readonly #seen = new Set<string>()
  #value: unknown
  #changed: ReadonlySet<string> = new Set()

  constructor(label: string, empty: string) {
    this.#list = new VirtualList<ValueRow>({
      rowHeight: 22,
      label,
      role: 'tree',
      class: 'value-tree',
      empty,
      render: (line, row) => this.#render(line, row),
      onChoose: (line) => this.#toggle(line, !line.isExpanded),
      onKey: (key, line) => {
        if (key !== 'ArrowRight' && key !== 'ArrowLeft') return false
        this.#toggle(line, key === 'ArrowRight')
        return true
      },
    })
    this.element = this.#list.element
  }

  /** @param changed Paths of what is to be marked. */
  show(value: unknown, changed: ReadonlySet<string> = new Set()): void {
    if (value === this.#value && changed.size === 0 && this.#changed.size === 0) return
    this.#value = value
    this.#changed = changed
    // Small objects are opened when they are first met, so that most states are read at a glance.
    if (typeof value === 'object' && value !== null) {
      for (const [key, child] of Object.entries(value as Record<string, unknown>).slice(0, OPEN_AT_FIRST)) {
        if (this.#seen.has(key) || typeof child !== 'object' || child === null) continue
        this.#seen.add(key)
        if (Object.keys(child).length <= OPEN_AT_FIRST) this.#expanded.add(key)
      }
    }
    this.#list.items = toValueRows(value, this.#expanded)
  }

  #toggle({ path, isExpandable }: ValueRow, isOpen: boolean): void {
    if (!isExpandable) return
    if (isOpen) this.#expanded.add(path)
    else this.#expanded.delete(path)
    this.#list.items = toValueRows(this.#value, this.#expanded)
  }

  #render(line: ValueRow, row: HTMLElement): void {
    const { path, key, depth, preview, type, isExpandable, isExpanded } = line
    const isChanged =
      this.#changed.has(path) ||
      (!isExpanded && [...this.#changed].some((each) => each.startsWith(`${path}.`)))
    if (isChanged) row.classList.add('changed')
    row.setAttribute('aria-level', String(depth + 1))
    if (isExpandable) row.setAttribute('aria-expanded', String(isExpanded))
    row.style.setProperty('--depth', String(depth))
    row.append(
      element('span', {
        class: `twist${isExpandable ? (isExpanded ? ' open' : ' shut') : ''}`,
        attributes: { 'aria-hidden': 'true' },
      }),
      element('span', { class: 'vkey', text: key }),
      element('span', {
        class: `vval t-${type}`,
        text: isExpanded ? '' : preview,
        title: preview.length > 30 ? preview : '',
      }),
    )
  }
}
