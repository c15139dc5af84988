import { element } from './element.js'

export interface Tab<Id extends string = string> {
  readonly id: Id
  readonly label: string
}

/** A row of tabs, of which one is chosen: a single stop of the tabulator, moved along with the arrow keys. */
export class TabBar<Id extends string> {
  readonly element: HTMLElement
  readonly #tabs = new Map<Id, HTMLButtonElement>()
  readonly #onChoose: (id: Id) => void
  #chosen: Id

  constructor(
    label: string,
    tabs: readonly Tab<Id>[],
    chosen: Id,
    onChoose: (id: Id) => void,
    look = 'tabs',
  ) {
    this.#onChoose = onChoose
    this.#chosen = chosen
    this.element = element('div', {
      class: look,
      role: 'tablist',
      attributes: { 'aria-label': label },
      on: { keydown: (event) => this.#onKey(event as KeyboardEvent) },
    })
    for (const tab of tabs) {
      const entry = element('button', {
        text: tab.label,
        role: 'tab',
        attributes: { type: 'button', 'data-tab': tab.id },
        on: { click: () => this.choose(tab.id) },
      })
      this.#tabs.set(tab.id, entry)
      this.element.append(entry)
    }
    this.#mark()
  }

  get chosen(): Id {
    return this.#chosen
  }

  choose(id: Id): void {
    if (id === this.#chosen || !this.#tabs.has(id)) return
    this.#chosen = id
    this.#mark()
    this.#onChoose(id)
  }

  /** Shows a tab, or hides it. */
  show(id: Id, isShown: boolean): void {
    const tab = this.#tabs.get(id)
    if (tab) tab.hidden = !isShown
  }

  #mark(): void {
    for (const [id, tab] of this.#tabs) {
      tab.setAttribute('aria-selected', String(id === this.#chosen))
      tab.tabIndex = id === this.#chosen ? 0 : -1
    }
  }

  #onKey(event: KeyboardEvent): void {
    const ids = [...this.#tabs].filter(([, { hidden }]) => !hidden).map(([id]) => id)
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    const next = ids[(ids.indexOf(this.#chosen) + step + ids.length) % ids.length]!
    this.choose(next)
    this.#tabs.get(next)!.focus()
    event.preventDefault()
  }
}
