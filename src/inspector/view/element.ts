/** What an element is made with. Text goes in as text, never as markup: what a run recorded may hold anything. */
export interface ElementOptions {
  readonly class?: string
  readonly text?: string
  readonly title?: string
  readonly role?: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly style?: Readonly<Record<string, string>>
  readonly on?: Readonly<Record<string, (event: Event) => void>>
}

type Child = Node | string | undefined

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  options: ElementOptions = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  return fill(document.createElement(name), options, children)
}

export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  options: ElementOptions = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), options, children)
}

export function button(label: string, action: () => void, options: ElementOptions = {}): HTMLButtonElement {
  return element('button', {
    text: label,
    ...options,
    attributes: { type: 'button', ...options.attributes },
    on: { click: action, ...options.on },
  })
}

/** A small coloured word for where a run stands; one that is being recorded is running. */
export function badge(status: string): HTMLElement {
  return element('span', { class: `badge s-${status}`, text: status === 'recording' ? 'running' : status })
}

function fill<Target extends HTMLElement | SVGElement>(
  target: Target,
  options: ElementOptions,
  children: readonly Child[],
): Target {
  if (options.class !== undefined) target.setAttribute('class', options.class)
  if (options.text !== undefined) target.textContent = options.text
  if (options.title !== undefined) target.setAttribute('title', options.title)
  if (options.role !== undefined) target.setAttribute('role', options.role)
  for (const [name, value] of Object.entries(options.attributes ?? {})) target.setAttribute(name, value)
  // Set one by one: a policy that forbids inline styles allows this.
  for (const [name, value] of Object.entries(options.style ?? {})) target.style.setProperty(name, value)
  for (const [type, listener] of Object.entries(options.on ?? {})) target.addEventListener(type, listener)
  for (const child of children) if (child !== undefined) target.append(child)
  return target
}
