import type { RunInfo, WorkflowRuntime } from 'busline'
import type { TeaHouseEvents } from './workflows/tea-house-events.js'

const MOST = 12

/** The orders of today as cards, the newest first: what they wait for, and where they are. */
export function showOrders(
  list: HTMLElement,
  runtime: WorkflowRuntime<TeaHouseEvents>,
  onChoose: (runId: string) => void,
): void {
  const orders = runtime.listAllRuns().filter(({ workflowId }) => workflowId === 'order')
  const cards = orders
    .sort((a, b) => b.startedAt - a.startedAt)
    .slice(0, MOST)
    .map((run) => toCard(run, onChoose))
  list.replaceChildren(...cards)
}

function toCard(run: RunInfo, onChoose: (runId: string) => void): HTMLElement {
  const { status, state, stageId, runId, key } = run
  const card = document.createElement('li')
  card.className = status
  const guest = document.createElement('b')
  // An order that waits for its turn has no state yet; the key is the guest, too.
  guest.textContent = key ?? 'A guest'
  const line = document.createElement('span')
  const total = typeof state['total'] === 'number' ? `${state['total'].toFixed(2)} € · ` : ''
  line.textContent = total + (status === 'paused' ? 'waits for approval' : (stageId ?? status))
  card.append(guest, line)
  card.addEventListener('click', () => onChoose(runId))
  return card
}
