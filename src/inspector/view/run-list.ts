import {
  type RunTimelineMeta,
  TIMELINE_STATUSES,
  type TimelineStatus,
} from '../../timeline/timeline-store.js'
import type { InspectorSource } from '../inspector-source.js'
import { newerOf } from '../model/newer-of.js'
import { formatDay, formatMs, formatTime, shortId } from '../model/event-text.js'
import { badge, button, element } from './element.js'
import { VirtualList } from './virtual-list.js'

/** How many runs are asked for at a time. */
const PAGE = 200

/** The runs of a source, the newest first, with search and filters; more are loaded when the end comes in sight. */
export class RunList {
  readonly element: HTMLElement
  readonly #source: InspectorSource
  readonly #onChoose: (runId: string) => void
  readonly #onError: (error: unknown) => void
  readonly #runs = new Map<string, RunTimelineMeta>()
  readonly #workflows = new Set<string>()
  readonly #list: VirtualList<RunTimelineMeta>
  readonly #search: HTMLInputElement
  readonly #workflow: HTMLSelectElement
  readonly #statuses: HTMLElement
  readonly #count: HTMLElement
  #status: TimelineStatus | undefined
  #cursor: string | undefined
  #isLoading = false
  /** Told of while a page is on its way, which may have been read before. */
  readonly #told = new Map<string, RunTimelineMeta>()
  #hasMore = true
  /** Answers to questions of before the filters changed are not wanted. */
  #generation = 0
  #chosen: string | undefined

  constructor(source: InspectorSource, onChoose: (runId: string) => void, onError: (error: unknown) => void) {
    this.#source = source
    this.#onChoose = onChoose
    this.#onError = onError
    this.#search = element('input', {
      class: 'search',
      attributes: { type: 'search', placeholder: 'Search runs, keys, ids…', 'aria-label': 'Search runs' },
      on: {
        input: () => this.#show(),
        keydown: (event) => this.#onSearchKey(event as KeyboardEvent),
      },
    })
    this.#workflow = element('select', {
      attributes: { 'aria-label': 'Workflow' },
      on: { change: () => this.reload() },
    })
    this.#workflow.append(element('option', { text: 'All workflows', attributes: { value: '' } }))
    this.#statuses = element('div', { class: 'chips', role: 'group', attributes: { 'aria-label': 'Status' } })
    for (const status of TIMELINE_STATUSES) {
      const chip = button(status === 'recording' ? 'running' : status, () => this.#toggle(status), {
        class: `chip s-${status}`,
        attributes: { 'aria-pressed': 'false', 'data-status': status },
      })
      this.#statuses.append(chip)
    }
    this.#count = element('div', { class: 'count', role: 'status' })
    this.#list = new VirtualList<RunTimelineMeta>({
      rowHeight: 62,
      label: 'Runs',
      class: 'runs',
      empty: 'No runs here yet',
      render: renderRun,
      onChoose: ({ runId }) => onChoose(runId),
      onEnd: () => void this.#loadMore(),
    })
    this.element = element(
      'aside',
      { class: 'run-list', attributes: { 'aria-label': 'Runs' } },
      element('div', { class: 'filters' }, this.#search, this.#workflow, this.#statuses),
      this.#list.element,
      this.#count,
    )
  }

  /** Begins anew, with the filters as they are. */
  reload(): void {
    this.#generation++
    this.#runs.clear()
    this.#cursor = undefined
    this.#hasMore = true
    this.#isLoading = false
    this.#show()
    void this.#loadMore()
  }

  /** Takes up runs that are new or have changed. */
  merge(runs: readonly RunTimelineMeta[]): void {
    for (const run of runs) {
      if (this.#isLoading) this.#told.set(run.runId, run)
      if (this.#fits(run)) this.#runs.set(run.runId, run)
      else this.#runs.delete(run.runId)
    }
    this.#show()
  }

  set chosen(runId: string | undefined) {
    this.#chosen = runId
    this.#markChosen()
  }

  async #loadMore(): Promise<void> {
    if (this.#isLoading || !this.#hasMore) return
    this.#isLoading = true
    this.#told.clear()
    const generation = this.#generation
    try {
      const { runs, cursor } = await this.#source.listRuns({
        limit: PAGE,
        ...(this.#workflow.value === '' ? {} : { workflowId: this.#workflow.value }),
        ...(this.#status === undefined ? {} : { status: this.#status }),
        ...(this.#cursor === undefined ? {} : { cursor: this.#cursor }),
      })
      if (generation !== this.#generation) return
      this.#cursor = cursor
      this.#hasMore = cursor !== undefined
      this.#isLoading = false
      this.merge(runs.map((run) => newerOf(run, this.#told.get(run.runId))))
    } catch (error) {
      if (generation !== this.#generation) return
      this.#isLoading = false
      this.#hasMore = false
      this.#onError(error)
    }
  }

  #show(): void {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean)
    const found = [...this.#runs.values()]
      .filter((run) => words.length === 0 || words.every((word) => searchText(run).includes(word)))
      .sort((a, b) => b.startTime - a.startTime || (a.runId < b.runId ? 1 : -1))
    for (const { workflowId } of found) this.#addWorkflow(workflowId)
    this.#list.items = found
    const more = this.#hasMore && this.#runs.size > 0 ? '+' : ''
    this.#count.textContent =
      words.length === 0 ? `${found.length}${more} runs` : `${found.length} of ${this.#runs.size}${more} runs`
    this.#markChosen()
  }

  #markChosen(): void {
    this.#list.chosen = this.#list.items.findIndex(({ runId }) => runId === this.#chosen)
  }

  #addWorkflow(workflowId: string): void {
    if (this.#workflows.has(workflowId)) return
    this.#workflows.add(workflowId)
    const option = element('option', { text: workflowId, attributes: { value: workflowId } })
    const next = [...this.#workflow.options].slice(1).find((each) => each.value > workflowId)
    this.#workflow.insertBefore(option, next ?? null)
  }

  #fits({ workflowId, status }: RunTimelineMeta): boolean {
    const wanted = this.#workflow.value
    return (wanted === '' || wanted === workflowId) && (this.#status === undefined || this.#status === status)
  }

  #toggle(status: TimelineStatus): void {
    this.#status = this.#status === status ? undefined : status
    for (const chip of this.#statuses.children) {
      chip.setAttribute('aria-pressed', String(chip.getAttribute('data-status') === this.#status))
    }
    this.reload()
  }

  /** The id of a run that is not in the list opens it all the same. */
  #onSearchKey(event: KeyboardEvent): void {
    if (event.key === 'ArrowDown') {
      this.#list.element.focus()
      this.#list.moveTo(Math.max(0, this.#list.active))
      event.preventDefault()
    }
    if (event.key !== 'Enter') return
    const [first] = this.#list.items
    const id = this.#search.value.trim()
    if (first) this.#onChoose(first.runId)
    else if (id !== '') this.#onChoose(id)
  }
}

function renderRun(run: RunTimelineMeta, row: HTMLElement): void {
  const { workflowId, status, startTime, endTime, eventCount, metadata, runId, lostEvents } = run
  const key = metadata?.['key']
  const lasted = endTime === undefined ? 'so far' : formatMs(endTime - startTime)
  row.append(
    element('span', { class: `dot s-${status}`, attributes: { 'aria-hidden': 'true' } }),
    element(
      'div',
      { class: 'run-main' },
      element(
        'div',
        { class: 'run-top' },
        element('span', { class: 'run-name', text: workflowId }),
        typeof key === 'string' ? element('span', { class: 'key', text: key }) : undefined,
        badge(status),
      ),
      element(
        'div',
        { class: 'run-sub' },
        element('span', { class: 'mono', text: shortId(runId), title: runId }),
        element('span', { text: formatTime(startTime).slice(0, 8), title: formatDay(startTime) }),
        element('span', { text: lasted }),
        element('span', { text: `${eventCount} ev` }),
        lostEvents === undefined ? undefined : element('span', { class: 'bad', text: `${lostEvents} lost` }),
      ),
    ),
  )
}

function searchText({ runId, workflowId, pipelineId, status, metadata }: RunTimelineMeta): string {
  const facts = Object.values(metadata ?? {}).filter((value) => typeof value === 'string')
  return [runId, workflowId, pipelineId, status, ...facts].join(' ').toLowerCase()
}
