import type { InspectorSource, WorkerLine, WorkersStatus } from '../inspector-source.js'
import { formatMs } from '../model/event-text.js'
import { toFault } from '../to-fault.js'
import { element } from './element.js'

const COLUMNS = ['Worker', 'Status', 'Load', 'Completed', 'Heartbeat', 'Connected', 'Zone', 'Can do']

/** Rows that are drawn; the busiest come first. */
const MAX_ROWS = 500

/** The remote workers of a server: who is there, what each has in hand, when it was last heard. */
export class WorkersView {
  readonly element: HTMLElement
  readonly #source: InspectorSource
  readonly #figures = element('div', { class: 'figures' })
  readonly #rows = element('tbody')
  readonly #notice = element('div', { class: 'notice', role: 'status' })
  #last: WorkersStatus | undefined

  constructor(source: InspectorSource) {
    this.#source = source
    this.#notice.hidden = true
    const head = element(
      'tr',
      {},
      ...COLUMNS.map((text) => element('th', { text, attributes: { scope: 'col' } })),
    )
    this.element = element(
      'section',
      { class: 'page workers-view', attributes: { 'aria-label': 'Workers' } },
      element('h2', { text: 'Remote workers' }),
      element('p', {
        class: 'muted',
        text: 'Who is connected, what each has in hand, and when it was last heard.',
      }),
      this.#notice,
      this.#figures,
      element('div', { class: 'workers' }, element('table', {}, element('thead', {}, head), this.#rows)),
    )
  }

  async refresh(): Promise<void> {
    try {
      const status = await this.#source.workers?.()
      if (!status) return
      this.#notice.hidden = true
      this.#show(status)
    } catch (error) {
      this.#notice.textContent = toFault(error).message
      this.#notice.hidden = false
    }
  }

  #show(status: WorkersStatus): void {
    const { workers, activeRequests, counters, work } = status
    const figures: Readonly<Record<string, string | number>> = {
      workers: workers.length,
      'in hand': activeRequests,
      waiting: work.reduce((sum, { queued }) => sum + queued, 0),
      'requests / s': this.#rate(status),
      completed: counters.requestsCompleted,
      failed: counters.requestsFailed,
      lost: counters.requestsLost,
      heartbeats: counters.heartbeats,
    }
    this.#last = status
    this.#figures.replaceChildren(
      ...Object.entries(figures).map(([label, value]) =>
        element(
          'div',
          { class: 'figure' },
          element('b', { text: String(value) }),
          element('span', { text: label }),
        ),
      ),
    )
    const sorted = [...workers].sort((a, b) => loadOf(b) - loadOf(a) || (a.id < b.id ? -1 : 1))
    this.#rows.replaceChildren(...sorted.slice(0, MAX_ROWS).map(toRow))
  }

  /** Requests that have ended per second, since the look before. */
  #rate({ at, counters }: WorkersStatus): string {
    const before = this.#last
    if (!before || at <= before.at) return '0.0'
    const done = counters.requestsCompleted + counters.requestsFailed
    const doneBefore = before.counters.requestsCompleted + before.counters.requestsFailed
    return (Math.max(0, done - doneBefore) / ((at - before.at) / 1000)).toFixed(1)
  }
}

function loadOf({ activeRequests, slots }: WorkerLine): number {
  return slots > 0 ? Math.min(1, activeRequests / slots) : 1
}

function toRow(worker: WorkerLine): HTMLElement {
  const { id, name, status, activeRequests, slots, models, tasks } = worker
  const load = element(
    'span',
    { class: `lane-queue w-${status}`, style: { display: 'block' } },
    element('i', { style: { width: `${loadOf(worker) * 100}%` } }),
    element('span', { text: `${activeRequests} of ${slots}` }),
  )
  const cells: (string | HTMLElement)[] = [
    name === id ? id : `${name} (${id})`,
    element('span', { class: `badge w-${status}`, text: status }),
    load,
    String(worker.completedRequests),
    `${formatMs(worker.silentMs)} ago`,
    formatMs(worker.connectedMs),
    worker.zone ?? '',
    [...models, ...tasks].join(', '),
  ]
  return element('tr', {}, ...cells.map((cell) => element('td', {}, cell)))
}
