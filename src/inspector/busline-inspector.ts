import { SystemError } from '../core/system-error.js'
import type { InspectorCapabilities, InspectorSource } from './inspector-source.js'
import { toFault } from './to-fault.js'
import { button, element } from './view/element.js'
import { QueuesView } from './view/queues-view.js'
import { ReceiptsView } from './view/receipts-view.js'
import { RunList } from './view/run-list.js'
import { type RunTab, RunView } from './view/run-view.js'
import { inspectorStyles } from './view/styles.js'
import { TabBar } from './view/tab-bar.js'
import { WorkersView } from './view/workers-view.js'

export type InspectorPage = 'runs' | 'receipts' | 'queues' | 'workers'

const PAGES = [
  { id: 'runs', label: 'Runs' },
  { id: 'receipts', label: 'Receipts' },
  { id: 'queues', label: 'Queues' },
  { id: 'workers', label: 'Workers' },
] as const

/** How often receipts, queues and a run that goes on are asked for while they are looked at, milliseconds. */
const REFRESH_MS = 1000

/** Outside browsers there is nothing to extend; the module can be imported there all the same. */
const Base = globalThis.HTMLElement ?? (class {} as unknown as typeof HTMLElement)

/**
 * `<busline-inspector>`: looks at the runs of a timeline store or of a server. Give it a `source`, and it shows what is
 * there, live for as long as it is in a document. `run` is the id of the run that is looked at; when the user chooses
 * another, a `runchange` event tells. `theme="light"` or `"dark"` overrules the system's preference.
 */
export class BuslineInspector extends Base {
  static readonly observedAttributes = ['run']

  readonly #root: ShadowRoot
  readonly #body = element('div', { class: 'body' })
  readonly #status = element('span', { class: 'live', role: 'status' })
  readonly #banner = element('div', { class: 'banner', role: 'alert' })
  readonly #detail = element('main', { class: 'detail' })
  readonly #pages: TabBar<InspectorPage>
  readonly #scheme = globalThis.matchMedia?.('(prefers-color-scheme: dark)')
  readonly #onScheme = () => this.#runView?.redraw()
  #source: InspectorSource | undefined
  #capabilities: InspectorCapabilities = { hasRuntime: false, canControl: false }
  #runList: RunList | undefined
  #runView: RunView | undefined
  #receipts: ReceiptsView | undefined
  #queues: QueuesView | undefined
  #workers: WorkersView | undefined
  #run: string | undefined
  #unwatch: (() => void) | undefined
  #timer: ReturnType<typeof setInterval> | undefined

  constructor() {
    super()
    this.#root = this.attachShadow({ mode: 'open' })
    this.#root.adoptedStyleSheets = [inspectorStyles()]
    this.#pages = new TabBar<InspectorPage>('Pages', PAGES, 'runs', () => this.#showPage(), 'pages')
    this.#pages.show('workers', false)
    const brand = element(
      'div',
      { class: 'brand' },
      element('span', { class: 'mark', attributes: { 'aria-hidden': 'true' } }),
      element('strong', { text: 'Busline' }),
    )
    const back = button('‹ Runs', () => (this.run = undefined), {
      class: 'back',
      title: 'Back to the list of runs',
    })
    this.#banner.hidden = true
    this.#root.append(
      element(
        'div',
        { class: 'shell' },
        element('header', { class: 'top' }, brand, back, this.#pages.element, this.#status),
        this.#banner,
        this.#body,
      ),
    )
  }

  /** Where to look; `undefined` for nowhere. */
  get source(): InspectorSource | undefined {
    return this.#source
  }

  set source(source: InspectorSource | undefined) {
    if (source === this.#source) return
    this.#stop()
    this.#source = source
    if (this.isConnected) this.#start()
  }

  /** The id of the run that is looked at. */
  get run(): string | undefined {
    return this.#run
  }

  set run(runId: string | undefined) {
    if (runId === this.#run) return
    this.#run = runId
    this.#showRun()
    this.dispatchEvent(new CustomEvent('runchange', { detail: { runId } }))
  }

  /** The page that is shown. @default 'runs' */
  get page(): InspectorPage {
    return this.#pages.chosen
  }

  set page(page: InspectorPage) {
    this.#pages.choose(page)
  }

  /** The view of the run that is shown. @default 'timeline' */
  get tab(): RunTab | undefined {
    return this.#runView?.tab
  }

  set tab(tab: RunTab | undefined) {
    if (this.#runView && tab) this.#runView.tab = tab
  }

  /** Moves the slider of the run that is looked at; beyond its ends, to its ends. */
  seek(seq: number): void {
    if (!Number.isFinite(seq)) throw new SystemError('VALIDATION', `Cannot go to event ${seq}: give a number`)
    this.#runView?.seek(seq)
  }

  connectedCallback(): void {
    this.#scheme?.addEventListener('change', this.#onScheme)
    this.#start()
  }

  disconnectedCallback(): void {
    this.#scheme?.removeEventListener('change', this.#onScheme)
    this.#stop()
  }

  attributeChangedCallback(_name: 'run', _before: string | null, value: string | null): void {
    this.run = value ?? undefined
  }

  #start(): void {
    const source = this.#source
    if (!source) {
      this.#body.replaceChildren(
        element('div', { class: 'vlist-empty', text: 'Give this inspector a source' }),
      )
      return
    }
    const openRun = (runId: string) => {
      this.page = 'runs'
      this.run = runId
    }
    this.#runList = new RunList(source, openRun, (error) => this.#fail(error))
    this.#receipts = new ReceiptsView(source, openRun)
    this.#queues = new QueuesView(source, openRun)
    this.#workers = new WorkersView(source)
    this.#showPage()
    this.#showRun()
    this.#runList.reload()
    this.#unwatch = source.watch({
      changed: (runs) => {
        if (source !== this.#source) return
        this.#live(true)
        this.#runList?.merge(runs)
        if (runs.some(({ runId }) => runId === this.#run)) void this.#runView?.load()
      },
      failed: (error) => this.#fail(error),
    })
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS)
    source.capabilities().then(
      (capabilities) => {
        if (source !== this.#source) return
        const mayNow = capabilities.canControl && !this.#capabilities.canControl
        this.#capabilities = capabilities
        this.#pages.show('workers', capabilities.hasWorkers === true)
        this.#live(true)
        if (mayNow) this.#showRun()
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #stop(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
    clearInterval(this.#timer)
    this.#runView?.close()
    this.#runView = undefined
  }

  #showPage(): void {
    const { page } = this
    const views = { receipts: this.#receipts, queues: this.#queues, workers: this.#workers }
    this.#body.className = `body p-${page}`
    if (page === 'runs')
      this.#body.replaceChildren(...(this.#runList ? [this.#runList.element, this.#detail] : []))
    else this.#body.replaceChildren(...(views[page] ? [views[page].element] : []))
    this.#refresh()
  }

  #showRun(): void {
    this.#runView?.close()
    this.#runView = undefined
    this.#root.firstElementChild?.classList.toggle('has-run', this.#run !== undefined)
    if (!this.#runList || !this.#source) return
    this.#runList.chosen = this.#run
    if (this.#run === undefined) {
      this.#detail.replaceChildren(
        element(
          'div',
          { class: 'welcome' },
          element('span', { class: 'mark big', attributes: { 'aria-hidden': 'true' } }),
          element('p', { text: 'Choose a run to see what happened in it' }),
        ),
      )
      return
    }
    this.#runView = new RunView(this.#source, this.#run, this.#capabilities.canControl)
    this.#detail.replaceChildren(this.#runView.element)
  }

  #refresh(): void {
    if (globalThis.document?.hidden) return
    if (this.page === 'runs') void this.#runView?.refresh()
    if (this.page === 'receipts') void this.#receipts?.refresh()
    if (this.page === 'queues') void this.#queues?.refresh()
    if (this.page === 'workers') void this.#workers?.refresh()
  }

  #live(isLive: boolean): void {
    this.#status.className = `live ${isLive ? 'on' : 'off'}`
    this.#status.textContent = isLive ? 'live' : 'not reached'
    if (isLive) this.#banner.hidden = true
  }

  #fail(error: unknown): void {
    const { code, message } = toFault(error)
    this.#live(false)
    this.#banner.textContent = `${code}: ${message}`
    this.#banner.hidden = false
  }
}

/**
 * Makes the element known to the page under a name. Again, or outside a browser, it changes nothing.
 *
 * @param name @default 'busline-inspector'
 */
export function defineInspector(name = 'busline-inspector'): void {
  const registry = globalThis.customElements
  if (!registry || registry.get(name)) return
  // A class can have one name only.
  registry.define(
    name,
    registry.getName(BuslineInspector) === null ? BuslineInspector : class extends BuslineInspector {},
  )
}

declare global {
  interface HTMLElementTagNameMap {
    'busline-inspector': BuslineInspector
  }
}
