import { isFinished } from '../../timeline/timeline-store.js'
import { toFault } from '../to-fault.js'
import type { InspectorSource } from '../inspector-source.js'
import { formatDay, formatMs } from '../model/event-text.js'
import { LoadedRun } from '../model/loaded-run.js'
import { differs } from '../model/newer-of.js'
import { CommandBar } from './command-bar.js'
import { badge, element } from './element.js'
import { allEvents, logList } from './event-list.js'
import { GanttView } from './gantt-view.js'
import { GraphView } from './graph-view.js'
import { StatePanel } from './state-panel.js'
import { TabBar } from './tab-bar.js'
import { TimeSlider } from './time-slider.js'

export type RunTab = 'timeline' | 'graph' | 'logs' | 'events'

const TABS = [
  { id: 'timeline', label: 'Timeline' },
  { id: 'graph', label: 'Graph' },
  { id: 'logs', label: 'Logs' },
  { id: 'events', label: 'Events' },
] as const

/** One run: its views, the slider through time that moves them all, and the state where it stands. */
export class RunView {
  readonly element: HTMLElement
  readonly #source: InspectorSource
  readonly #run: LoadedRun
  readonly #head = element('header', { class: 'run-head' })
  readonly #notice = element('div', { class: 'notice', role: 'alert' })
  readonly #panel = element('div', { class: 'run-panel', role: 'tabpanel' })
  readonly #commands: CommandBar
  readonly #state: StatePanel
  readonly #slider: TimeSlider
  readonly #views: Readonly<Record<RunTab, GanttView | GraphView | ReturnType<typeof logList>>>
  readonly #tabs: TabBar<RunTab>
  #position = 0
  #shown = -1
  #isDrawing = false
  #hasFailed = false
  #isRefreshing = false
  /** Nobody has moved the slider yet: it goes along with what is recorded. */
  #follows = true

  constructor(source: InspectorSource, runId: string, canControl: boolean) {
    this.#source = source
    this.#run = new LoadedRun(source, runId)
    const seek = (seq: number) => this.seek(seq)
    this.#state = new StatePanel(seek)
    this.#slider = new TimeSlider(seek)
    this.#views = {
      timeline: new GanttView(seek),
      graph: new GraphView(seek),
      logs: logList(seek),
      events: allEvents(seek),
    }
    this.#tabs = new TabBar<RunTab>('Views of the run', TABS, 'timeline', () => this.#showTab())
    this.#commands = new CommandBar((command) => source.command(runId, command))
    this.#commands.element.hidden = true
    this.#notice.hidden = true
    const top = element(
      'div',
      { class: 'run-bar' },
      this.#head,
      ...(canControl ? [this.#commands.element] : []),
    )
    this.element = element(
      'section',
      {
        class: 'run-view',
        attributes: { 'aria-label': `Run ${runId}` },
        on: { keydown: (event) => this.#onKey(event as KeyboardEvent) },
      },
      top,
      this.#notice,
      this.#tabs.element,
      element('div', { class: 'run-body' }, this.#panel, this.#state.element),
      this.#slider.element,
    )
    this.#showTab()
    void this.load()
  }

  get runId(): string {
    return this.#run.runId
  }

  get tab(): RunTab {
    return this.#tabs.chosen
  }

  set tab(tab: RunTab) {
    this.#tabs.choose(tab)
  }

  /** Loads what is new. */
  async load(): Promise<void> {
    try {
      await this.#run.load(() => this.#showLoaded())
      this.#hasFailed = false
      this.#say(this.#run.isCut ? `Only the first ${this.#run.events.length} events are loaded` : undefined)
    } catch (error) {
      this.#hasFailed = true
      const { code, message } = toFault(error)
      this.#say(`${code}: ${message}`)
    }
  }

  /** Loads again what could not be loaded, and a run that has gone on: of old ones the live view does not tell. */
  async refresh(): Promise<void> {
    const { meta } = this.#run
    const mayChange = this.#hasFailed || (meta !== undefined && !isFinished(meta.status))
    if (!mayChange || this.#isRefreshing) return
    this.#isRefreshing = true
    try {
      const now = await this.#source.getRunMeta(this.runId)
      if (now && (this.#hasFailed || differs(now, meta))) await this.load()
    } catch {
      // Said already, or said when it matters: it is asked again.
    }
    this.#isRefreshing = false
  }

  /** Stands at an event from here on; beyond the last, at the last. */
  seek(seq: number): void {
    this.#follows = seq >= this.#run.events.length
    this.#moveTo(seq)
  }

  /** Colours or sizes have changed. */
  redraw(): void {
    this.#slider.redraw()
  }

  close(): void {
    this.#slider.stop()
  }

  /** Views scroll along with the slider once somebody has moved it, and with a run that is under way. */
  get #reveals(): boolean {
    return !this.#follows || this.#run.meta?.status === 'recording'
  }

  #showLoaded(): void {
    this.#showHead()
    this.#slider.show(this.#run)
    this.#views[this.tab].show(this.#run)
    this.#shown = -1
    this.#moveTo(this.#follows ? this.#run.events.length : this.#position)
  }

  #showTab(): void {
    const view = this.#views[this.tab]
    this.#panel.setAttribute('aria-label', this.tab)
    this.#panel.replaceChildren(view.element)
    if (this.#run.events.length === 0) return
    view.show(this.#run)
    view.moveTo(this.#position, this.#reveals)
  }

  #moveTo(seq: number): void {
    this.#position = Math.min(Math.max(0, Math.round(seq)), this.#run.events.length)
    this.#slider.moveTo(this.#position)
    this.#views[this.tab].moveTo(this.#position, this.#reveals)
    if (!this.#isDrawing) void this.#drawState()
  }

  /** One at a time, and then the last place that was asked for: those between are of the past. */
  async #drawState(): Promise<void> {
    this.#isDrawing = true
    try {
      while (this.#shown !== this.#position) {
        const position = this.#position
        await this.#state.show(this.#run, position)
        this.#shown = position
      }
    } catch (error) {
      this.#shown = this.#position
      this.#say(toFault(error).message)
    }
    this.#isDrawing = false
  }

  #showHead(): void {
    const { meta } = this.#run
    if (!meta) return
    const { workflowId, pipelineId, status, startTime, endTime, eventCount, lostEvents, metadata, runId } =
      meta
    const facts = [
      ['started', formatDay(startTime)],
      ['lasted', endTime === undefined ? 'not ended' : formatMs(endTime - startTime)],
      [
        'events',
        this.#run.events.length < eventCount
          ? `${this.#run.events.length} of ${eventCount}`
          : String(eventCount),
      ],
      ...(lostEvents === undefined ? [] : [['lost', String(lostEvents)]]),
      ...['eventType', 'key', 'version'].flatMap((name) =>
        typeof metadata?.[name] === 'string' ? [[name === 'eventType' ? 'event' : name, metadata[name]]] : [],
      ),
    ] as [string, string][]
    this.#head.replaceChildren(
      element(
        'div',
        { class: 'run-title' },
        element('h2', { text: workflowId }),
        workflowId === pipelineId ? undefined : element('span', { class: 'muted', text: pipelineId }),
        badge(status),
        element('code', { class: 'mono run-id', text: runId, title: 'The id of the run' }),
      ),
      element(
        'dl',
        {},
        ...facts.flatMap(([name, value]) => [element('dt', { text: name }), element('dd', { text: value })]),
      ),
    )
    this.#commands.show(meta)
  }

  #say(message: string | undefined): void {
    this.#notice.textContent = message ?? ''
    this.#notice.hidden = message === undefined
  }

  /** `[` and `]` step through the events, wherever one is in the view. */
  #onKey(event: KeyboardEvent): void {
    if ((event.target as Element).closest('input:not([type=range]), textarea, select')) return
    if (event.key !== '[' && event.key !== ']') return
    this.seek(this.#position + (event.key === ']' ? 1 : -1))
    event.preventDefault()
  }
}
