import type { DispatchReport, RegistrationInfo } from '../../runtime/runtime-options.js'
import type { InspectorSource } from '../inspector-source.js'
import { shortId } from '../model/event-text.js'
import { toFault } from '../to-fault.js'
import { button, element } from './element.js'

/** Keys that are drawn per workflow; the busiest come first. */
const MAX_KEYS = 60

/** Runs that are named per key. */
const MAX_RUNS = 6

/** How busy each workflow is: active runs and queue length, per key. */
export class QueuesView {
  readonly element: HTMLElement
  readonly #source: InspectorSource
  readonly #onRun: (runId: string) => void
  readonly #cards = element('div', { class: 'cards' })
  readonly #notice = element('div', { class: 'notice', role: 'status' })
  #last = ''

  constructor(source: InspectorSource, onRun: (runId: string) => void) {
    this.#source = source
    this.#onRun = onRun
    this.#notice.hidden = true
    this.element = element(
      'section',
      { class: 'page queues-view', attributes: { 'aria-label': 'Queues' } },
      element('h2', { text: 'Queues and active runs' }),
      element('p', {
        class: 'muted',
        text: 'How busy each workflow is now, and for which keys events wait.',
      }),
      this.#notice,
      this.#cards,
    )
  }

  async refresh(): Promise<void> {
    try {
      const [workflows, report] = await Promise.all([
        this.#source.workflows(),
        this.#source.dispatches({ limit: 0 }),
      ])
      this.#notice.hidden = true
      // What is looked at must not be replaced by the same, or nothing could be clicked.
      const signature = JSON.stringify([workflows, report.active])
      if (signature === this.#last) return
      this.#last = signature
      this.#cards.replaceChildren(...workflows.map((each) => this.#card(each, report)))
    } catch (error) {
      this.#notice.textContent = toFault(error).message
      this.#notice.hidden = false
    }
  }

  #card(workflow: RegistrationInfo, { active }: DispatchReport): HTMLElement {
    const { workflowId, label, version, mode, triggers, active: running, queued } = workflow
    const keys = active.filter((each) => each.workflowId === workflowId)
    const sorted = [...keys].sort((a, b) => b.queued - a.queued || b.active.length - a.active.length)
    const longest = Math.max(1, ...keys.map((each) => each.queued))
    const card = element(
      'article',
      { class: 'card' },
      element(
        'header',
        {},
        element('h3', { text: label ?? workflowId }),
        version === undefined ? undefined : element('span', { class: 'muted', text: `v${version}` }),
        element('span', { class: 'key', text: mode }),
      ),
      element(
        'div',
        { class: 'figures' },
        figure(running, 'active', running > 0 ? 's-recording' : ''),
        figure(queued, 'waiting', queued > 0 ? 's-paused' : ''),
        figure(keys.filter(({ key }) => key !== undefined).length, 'keys', ''),
      ),
      element('p', {
        class: 'muted triggers',
        text: triggers.map(({ event, pipeline }) => `${event} → ${pipeline}`).join('   '),
      }),
    )
    if (sorted.length > 0) {
      const table = element('div', { class: 'lanes', role: 'list' })
      for (const lane of sorted.slice(0, MAX_KEYS)) table.append(this.#lane(lane, longest))
      if (sorted.length > MAX_KEYS)
        table.append(element('div', { class: 'muted', text: `… ${sorted.length - MAX_KEYS} more keys` }))
      card.append(table)
    }
    return card
  }

  #lane({ key, active, queued }: DispatchReport['active'][number], longest: number): HTMLElement {
    const runs = active.slice(0, MAX_RUNS).map((runId) =>
      button(shortId(runId), () => this.#onRun(runId), {
        class: 'run-link mono',
        title: `Open run ${runId}`,
      }),
    )
    return element(
      'div',
      { class: 'lane', role: 'listitem' },
      element('span', { class: 'lane-key', text: key ?? 'all events', title: key ?? '' }),
      element(
        'span',
        { class: 'lane-runs' },
        ...runs,
        active.length > MAX_RUNS ? `+${active.length - MAX_RUNS}` : undefined,
      ),
      element(
        'span',
        { class: 'lane-queue', title: `${queued} waiting` },
        element('i', { style: { width: `${(queued / longest) * 100}%` } }),
        element('span', { text: queued === 0 ? '' : `${queued} waiting` }),
      ),
    )
  }
}

function figure(value: number, label: string, tone: string): HTMLElement {
  return element(
    'div',
    { class: `figure ${tone}` },
    element('b', { text: String(value) }),
    element('span', { text: label }),
  )
}
