import { DISPATCH_OUTCOMES, type DispatchOutcome, type DispatchResult } from '../../runtime/receipts.js'
import type { InspectorSource } from '../inspector-source.js'
import { formatDay, formatTime, shortId } from '../model/event-text.js'
import { toFault } from '../to-fault.js'
import { button, element } from './element.js'
import { VirtualList } from './virtual-list.js'

/** What each outcome means, for those who ask why their event did nothing. */
const MEANINGS: Readonly<Record<DispatchOutcome, string>> = {
  started: 'A run was started',
  queued: 'It waits for a free slot; one more receipt follows',
  delayed: 'Debounce or throttle hold it back; one more receipt follows',
  dropped: 'Nothing will come of it: no room, too many, or closed',
  signalled: 'It was written into the state of the active run',
  replaced: 'A run was started, and the active one aborted for it',
  rejected: 'The workflow is busy and does not want to be disturbed',
  duplicate: 'It was here before, by its id or its dedupe key',
  invalid: 'Its payload does not fit the schema of the trigger',
  superseded: 'A newer event took its place',
}

const HAS_RUN: ReadonlySet<DispatchOutcome> = new Set(['started', 'queued', 'signalled', 'replaced'])

const LIMIT = 1000

/** The receipts of a runtime: what became of each event that matched a trigger, and why. */
export class ReceiptsView {
  readonly element: HTMLElement
  readonly #source: InspectorSource
  readonly #chips = element('div', {
    class: 'chips outcomes',
    role: 'group',
    attributes: { 'aria-label': 'Outcomes' },
  })
  readonly #workflow: HTMLSelectElement
  readonly #search: HTMLInputElement
  readonly #list: VirtualList<DispatchResult>
  readonly #notice = element('div', { class: 'notice', role: 'status' })
  readonly #chosen = new Set<DispatchOutcome>()
  readonly #workflows = new Set<string>()
  #receipts: readonly DispatchResult[] = []

  constructor(source: InspectorSource, onRun: (runId: string) => void) {
    this.#source = source
    this.#workflow = element('select', {
      attributes: { 'aria-label': 'Workflow' },
      on: { change: () => void this.refresh() },
    })
    this.#workflow.append(element('option', { text: 'All workflows', attributes: { value: '' } }))
    this.#search = element('input', {
      class: 'search',
      attributes: { type: 'search', placeholder: 'Event id, key, reason…', 'aria-label': 'Search receipts' },
      on: { input: () => this.#show() },
    })
    this.#list = new VirtualList<DispatchResult>({
      rowHeight: 54,
      label: 'Receipts, the newest first',
      class: 'receipts',
      empty:
        'No event has matched a trigger yet. An event for which no trigger is there, or whose "when" is false, leaves no receipt.',
      render: renderReceipt,
      onChoose: (receipt) => {
        const runId = runOf(receipt)
        if (runId !== undefined) onRun(runId)
      },
    })
    this.#notice.hidden = true
    this.element = element(
      'section',
      { class: 'page receipts-view', attributes: { 'aria-label': 'Receipts' } },
      element('h2', { text: 'Why did my event do nothing?' }),
      element('p', {
        class: 'muted',
        text: 'Every event that matches a trigger gets a receipt: what became of it, and why.',
      }),
      this.#notice,
      this.#chips,
      element('div', { class: 'list-head' }, this.#workflow, this.#search),
      this.#list.element,
    )
  }

  async refresh(): Promise<void> {
    try {
      const workflowId = this.#workflow.value
      const query = { limit: LIMIT, ...(workflowId === '' ? {} : { workflowId }) }
      const [report, workflows] = await Promise.all([
        this.#source.dispatches(query),
        this.#source.workflows(),
      ])
      this.#addWorkflows(workflows.map((each) => each.workflowId))
      this.#receipts = [...report.receipts].reverse()
      this.#showCounts(report.counts)
      this.#show()
      this.#notice.hidden = true
    } catch (error) {
      this.#notice.textContent = toFault(error).message
      this.#notice.hidden = false
    }
  }

  #show(): void {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean)
    this.#list.items = this.#receipts.filter(
      (receipt) =>
        (this.#chosen.size === 0 || this.#chosen.has(receipt.outcome)) &&
        words.every((word) =>
          Object.values(receipt).some((value) => String(value).toLowerCase().includes(word)),
        ),
    )
  }

  #showCounts(counts: Readonly<Record<string, number>>): void {
    const focused = this.#chips.querySelector(':focus')?.getAttribute('data-outcome')
    this.#chips.replaceChildren(
      ...DISPATCH_OUTCOMES.map((outcome) => {
        const chip = button('', () => this.#toggle(outcome, chip), {
          class: `chip o-${outcome}${counts[outcome] ? '' : ' none'}`,
          title: MEANINGS[outcome],
          attributes: { 'aria-pressed': String(this.#chosen.has(outcome)), 'data-outcome': outcome },
        })
        chip.append(element('b', { text: String(counts[outcome] ?? 0) }), ` ${outcome}`)
        return chip
      }),
    )
    if (focused) this.#chips.querySelector<HTMLElement>(`[data-outcome="${focused}"]`)?.focus()
  }

  #toggle(outcome: DispatchOutcome, chip: HTMLElement): void {
    if (!this.#chosen.delete(outcome)) this.#chosen.add(outcome)
    chip.setAttribute('aria-pressed', String(this.#chosen.has(outcome)))
    this.#show()
  }

  #addWorkflows(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#workflows.has(id)) continue
      this.#workflows.add(id)
      this.#workflow.append(element('option', { text: id, attributes: { value: id } }))
    }
  }
}

/** The run that a receipt leads to: the id in one that came to nothing is that of a run which never was. */
function runOf({ outcome, runId }: DispatchResult): string | undefined {
  return HAS_RUN.has(outcome) ? runId : undefined
}

function renderReceipt(receipt: DispatchResult, row: HTMLElement): void {
  const { outcome, workflowId, triggerId, eventId, key, reason, at, replacedRunId } = receipt
  const runId = runOf(receipt)
  row.append(
    element('span', { class: 'time', text: formatTime(at), title: formatDay(at) }),
    element('span', { class: `outcome o-${outcome}`, text: outcome, title: MEANINGS[outcome] }),
    element(
      'div',
      { class: 'receipt-main' },
      element(
        'div',
        { class: 'receipt-top' },
        element('b', { text: workflowId }),
        element('span', { class: 'muted', text: triggerId }),
        key === undefined ? undefined : element('span', { class: 'key', text: key }),
        element('span', { class: 'mono muted', text: `event ${shortId(eventId)}`, title: eventId }),
      ),
      element('div', {
        class: 'reason',
        text:
          reason ??
          (replacedRunId === undefined ? MEANINGS[outcome] : `In place of run ${shortId(replacedRunId)}`),
      }),
    ),
    runId === undefined
      ? element('span')
      : element('span', {
          class: 'run-link mono',
          text: `run ${shortId(runId)} →`,
          title: `Open run ${runId}`,
        }),
  )
}
