import { type StateChange, stateChanges } from '../model/state-changes.js'
import { describeEvent, formatTime, toneOf } from '../model/event-text.js'
import type { LoadedRun } from '../model/loaded-run.js'
import { previewOf } from '../model/value-rows.js'
import { button, element } from './element.js'
import { ValueTree } from './value-tree.js'

/** Changes that are listed at once. */
const MAX_CHANGES = 40

/** The event the slider stands at, what it changed, and the state after it. */
export class StatePanel {
  readonly element: HTMLElement
  readonly #onSeek: (seq: number) => void
  readonly #event = element('div', { class: 'at-event' })
  readonly #changes = element('div', { class: 'changes' })
  readonly #payload = new ValueTree('Payload of the event', 'No payload')
  readonly #state = new ValueTree('State', 'Nothing in the state here')
  readonly #facts = element('details', { class: 'payload' }, element('summary', { text: 'Payload' }))

  constructor(onSeek: (seq: number) => void) {
    this.#onSeek = onSeek
    this.#facts.append(this.#payload.element)
    this.element = element(
      'section',
      { class: 'state-panel', attributes: { 'aria-label': 'State at this point' } },
      this.#event,
      this.#facts,
      element('h3', { text: 'What changed' }),
      this.#changes,
      element('h3', { text: 'State' }),
      this.#state.element,
    )
  }

  /** Goes to an event of a run and shows it. One call at a time: the player is moved. */
  async show(run: LoadedRun, position: number): Promise<void> {
    const { player } = run
    // The event before is in the page that the player holds, or next to it: going there and back reads nothing twice.
    await player.seek(Math.max(0, position - 1))
    const before = player.state
    const event = await player.seek(position)
    const { state } = player
    const changes = event ? stateChanges(event, before, state) : []
    this.#showEvent(run, position)
    this.#showChanges(changes, run, position)
    this.#payload.show(event?.payload ?? {})
    this.#state.show(state, new Set(changes.map(({ path }) => path)))
  }

  #showEvent({ events }: LoadedRun, position: number): void {
    const event = events[position - 1]
    if (!event) {
      this.#event.replaceChildren(element('span', { class: 'muted', text: 'Before the first event' }))
      return
    }
    this.#event.replaceChildren(
      element('span', { class: `tone tone-${toneOf(event)}`, text: event.type }),
      element('span', { class: 'muted mono', text: formatTime(event.timestamp) }),
      element('div', { class: 'at-text', text: describeEvent(event) }),
    )
  }

  #showChanges(changes: readonly StateChange[], { events }: LoadedRun, position: number): void {
    if (changes.length === 0) {
      const last = lastChange(events, position)
      this.#changes.replaceChildren(
        element('span', { class: 'muted', text: last === undefined ? 'Nothing yet' : 'Nothing here · ' }),
        last === undefined
          ? ''
          : button(`last at event ${last}`, () => this.#onSeek(last), { class: 'link' }),
      )
      return
    }
    const lines = changes.slice(0, MAX_CHANGES).map((change) => changeLine(change))
    if (changes.length > MAX_CHANGES) {
      lines.push(element('div', { class: 'muted', text: `… ${changes.length - MAX_CHANGES} more` }))
    }
    this.#changes.replaceChildren(...lines)
  }
}

function changeLine({ path, kind, before, after }: StateChange): HTMLElement {
  const sign = { added: '+', changed: '~', removed: '−' }[kind]
  return element(
    'div',
    { class: `change ${kind}` },
    element('span', { class: 'sign', text: sign, title: kind }),
    element('span', { class: 'vkey', text: path === '' ? '(all)' : path }),
    kind === 'added' ? undefined : element('del', { text: previewOf(before) }),
    kind === 'removed' ? undefined : element('ins', { text: previewOf(after) }),
  )
}

/** How far back the last change is looked for: a slider must not wait for it. */
const LOOK_BACK = 2000

function lastChange(events: LoadedRun['events'], position: number): number | undefined {
  for (let index = position - 1; index >= Math.max(0, position - LOOK_BACK); index--) {
    if (events[index]?.delta || events[index]?.snapshot) return index + 1
  }
  return undefined
}
