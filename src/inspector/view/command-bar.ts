import type { RunTimelineMeta } from '../../timeline/timeline-store.js'
import { isFinished } from '../../timeline/timeline-store.js'
import type { RunCommand } from '../inspector-source.js'
import { button, element } from './element.js'

/** Abort, resume and signal for the run that is looked at. Each asks for what it needs before it is given. */
export class CommandBar {
  readonly element = element('div', {
    class: 'commands',
    role: 'group',
    attributes: { 'aria-label': 'Commands' },
  })
  readonly #give: (command: RunCommand) => Promise<void>
  readonly #form = element('form', { class: 'command-form' })
  readonly #buttons: Readonly<Record<RunCommand['type'], HTMLButtonElement>>

  /** @param give Carries a command out; rejects with why it cannot. */
  constructor(give: (command: RunCommand) => Promise<void>) {
    this.#give = give
    this.#buttons = {
      resume: button('Resume', () => this.#ask('resume')),
      signal: button('Signal', () => this.#ask('signal')),
      abort: button('Abort', () => this.#ask('abort'), { class: 'danger' }),
    }
    this.#form.hidden = true
    this.element.append(this.#buttons.resume, this.#buttons.signal, this.#buttons.abort, this.#form)
  }

  show({ status }: RunTimelineMeta): void {
    this.element.hidden = isFinished(status)
    if (isFinished(status)) this.#form.hidden = true
    this.#buttons.resume.disabled = status !== 'paused'
  }

  #ask(type: RunCommand['type']): void {
    const label = {
      abort: 'Why? (told to the run)',
      resume: 'Fields to write into the state first, as JSON (may be empty)',
      signal: 'Fields to write into the state, as JSON',
    }[type]
    const input = element('textarea', {
      attributes: {
        rows: type === 'abort' ? '1' : '4',
        'aria-label': label,
        placeholder: type === 'abort' ? 'Asked for' : '{ "approved": true }',
      },
    })
    const fault = element('div', { class: 'bad', role: 'alert' })
    const submit = element('button', {
      text: type === 'abort' ? 'Abort the run' : `Send ${type}`,
      class: type === 'abort' ? 'danger' : 'primary',
      attributes: { type: 'submit' },
    })
    this.#form.replaceChildren(
      element('label', { text: label }),
      input,
      fault,
      element(
        'div',
        { class: 'row' },
        submit,
        button('Cancel', () => (this.#form.hidden = true)),
      ),
    )
    this.#form.hidden = false
    this.#form.onsubmit = (event) => {
      event.preventDefault()
      try {
        const command = toCommand(type, input.value.trim())
        submit.disabled = true
        this.#give(command).then(
          () => (this.#form.hidden = true),
          (error: Error) => {
            submit.disabled = false
            fault.textContent = error.message
          },
        )
      } catch (error) {
        fault.textContent = (error as Error).message
      }
    }
    this.#form.onkeydown = ({ key }) => {
      if (key === 'Escape') this.#form.hidden = true
    }
    input.focus()
  }
}

function toCommand(type: RunCommand['type'], text: string): RunCommand {
  if (type === 'abort') return { type, ...(text === '' ? {} : { reason: text }) }
  if (type === 'resume' && text === '') return { type }
  const patch: unknown = JSON.parse(text)
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch))
    throw new TypeError('Give an object')
  return { type, patch: patch as Record<string, unknown> }
}
