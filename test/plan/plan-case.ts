import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Notify, type PlanInput, type RunOptions, run } from 'busline/plan'
import { type NamedOperations, instantClock, namedOperations } from './named-operations.js'

/** A plan as data, what it is run with, and what is to become of it. */
export interface PlanCase {
  readonly title: string
  readonly plan: unknown
  readonly input?: unknown
  readonly options?: RunOptions
  /** What `resolveState` knows. */
  readonly states?: Readonly<Record<string, unknown>>
  /** What `resolveCredential` knows. */
  readonly credentials?: Readonly<Record<string, unknown>>
  readonly helpers?: true
  /** The notification at which the listener throws. */
  readonly notifyThrows?: string
  /** How often it is run; the last time counts. */
  readonly runs?: number

  readonly result?: unknown
  readonly resultIs?: 'undefined'
  /** What the result has among other things. */
  readonly partial?: object
  /** Keys that the result does not have. */
  readonly lacks?: readonly string[]
  readonly rejects?: {
    readonly name?: string
    readonly code?: string
    readonly severity?: string
    readonly subtype?: string
    readonly message?: string
    readonly matches?: string
  }
  /** The paths of the issues. */
  readonly issues?: readonly string[]
  /** Notifications, each with the job it is about. */
  readonly trail?: readonly string[]
  /** The jobs that started, in order. */
  readonly jobs?: readonly string[]
  /** Payloads that are among those of the run. */
  readonly payloads?: readonly (readonly [string, object])[]
  readonly memory?: true
  /** Text that is in a line of the log. */
  readonly log?: string
  /** Milliseconds on the clock. */
  readonly took?: number
}

export interface CaseOutcome {
  readonly result?: unknown
  readonly error?: unknown
  readonly notified: readonly (readonly [string, Record<string, unknown>])[]
  readonly log: readonly string[]
  readonly took: number
}

const folder = fileURLToPath(new URL('../../fixtures/plans/', import.meta.url))

/** Every case, by the file it stands in. */
export function planCases(): readonly (readonly [string, readonly PlanCase[]])[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => [name.replace('.json', ''), JSON.parse(readFileSync(folder + name, 'utf8')) as PlanCase[]])
}

export async function runCase(each: PlanCase): Promise<CaseOutcome> {
  const clock = instantClock()
  const named = namedOperations(clock)
  const plan = revive(each.plan, named) as PlanInput
  const input = revive(each.input, named)
  const notified: [string, Record<string, unknown>][] = []
  const log: string[] = []
  const write = (...values: unknown[]) => {
    log.push(values.map(String).join(' '))
  }
  const notify: Notify = (name, payload) => {
    if (name === each.notifyThrows) throw new Error(`listener of ${name}`)
    notified.push([name, payload])
  }
  const { states, credentials } = each
  const options: RunOptions = {
    ...each.options,
    clock,
    logger: { debug: write, info: write, success: write, warn: write, error: write },
    callbacks: {
      notify,
      ...(states ? { resolveState: (id: string) => states[id] } : {}),
      ...(credentials
        ? {
            resolveCredential: (id: string) => {
              if (id in credentials) return credentials[id]
              throw new Error(`no credential ${id}`)
            },
          }
        : {}),
    },
    ...(each.helpers ? { helpers: { isAdult: (age: number) => age > 0 } } : {}),
  }
  let outcome: { result?: unknown; error?: unknown } = {}
  for (let time = 0; time < (each.runs ?? 1); time++) {
    try {
      outcome = { result: await run(plan, input, options) }
    } catch (error) {
      outcome = { error }
    }
  }
  return { ...outcome, notified, log, took: clock.now() }
}

/** Puts functions where the data names them: the texts in a list of `expression`, `$op`, `$condition` and the like. */
export function revive(value: unknown, named: NamedOperations, key = ''): unknown {
  if (Array.isArray(value)) {
    return value.map((each: unknown) =>
      key === 'expression' && typeof each === 'string' ? named.operation(each) : revive(each, named),
    )
  }
  if (typeof value !== 'object' || value === null) return value
  const fields = value as Readonly<Record<string, unknown>>
  if (typeof fields['$op'] === 'string') return named.operation(fields['$op'])
  if (typeof fields['$condition'] === 'string') return named.condition(fields['$condition'])
  if (typeof fields['$special'] === 'string') return named.special(fields['$special'])
  if (typeof fields['$text'] === 'string') return fields['$text']
  const list = fields['$ops'] ?? fields['$list']
  if (Array.isArray(list)) return revive(list, named, 'expression')
  return Object.fromEntries(Object.entries(fields).map(([name, each]) => [name, revive(each, named, name)]))
}
