import type { AnyEventBus } from '../bus/event-bus.js'
import { isFields } from '../core/is-fields.js'
import type { Result } from '../core/result.js'
import { SystemError } from '../core/system-error.js'
import type { RuntimeContext } from './runtime-context.js'

/** Whoever carries the commands out. */
export interface RunCommander {
  abort(runId: string, reason?: string): Promise<Result<unknown>>
  signal(runId: string, patch: Readonly<Record<string, unknown>>): Promise<Result<unknown>>
}

type Fields = Readonly<Record<string, unknown>>

/** What a command asks for. @throws {SystemError} `VALIDATION` when its payload is not of its form. */
type Command = (commander: RunCommander, payload: Fields) => Promise<Result<unknown>>

const COMMANDS: Readonly<Record<string, Command>> = {
  'run:abort': (commander, payload) => {
    const runId = runIdOf('run:abort', payload)
    const { reason } = payload
    if (reason === undefined || typeof reason === 'string') return commander.abort(runId, reason)
    throw malformed('run:abort', '"reason" must be text', runId)
  },
  'run:signal': (commander, payload) => {
    const runId = runIdOf('run:signal', payload)
    const { patch } = payload
    if (isFields(patch)) return commander.signal(runId, patch)
    throw malformed('run:signal', '"patch" must be an object with the fields to write', runId)
  },
}

const FORMS: Readonly<Record<string, string>> = {
  'run:abort': '{ runId, reason? }',
  'run:signal': '{ runId, patch }',
}

/**
 * Carries out the commands that come over the bus, `run:abort` and `run:signal`. They have nobody to answer to: what
 * refuses one is reported. Returns what ends it.
 */
export function obeyCommands(
  bus: AnyEventBus,
  commander: RunCommander,
  report: RuntimeContext['report'],
): () => void {
  const obey = async (type: string, command: Command, payload: unknown) => {
    try {
      if (!isFields(payload)) throw malformed(type, 'its payload must be an object')
      const result = await command(commander, payload)
      if (!result.ok) throw result.error
    } catch (error) {
      report(error, `Command ${type}`)
    }
  }
  const unsubscribes = Object.entries(COMMANDS).map(([type, command]) =>
    bus.subscribe(type, ({ payload }) => void obey(type, command, payload)),
  )
  return () => {
    for (const unsubscribe of unsubscribes) unsubscribe()
  }
}

function runIdOf(type: string, { runId }: Fields): string {
  if (typeof runId === 'string' && runId !== '') return runId
  throw malformed(type, '"runId" must be the id of a run')
}

function malformed(type: string, what: string, runId?: string): SystemError {
  const message = `Cannot obey ${type}: ${what}; publish it with ${FORMS[type]}`
  return new SystemError('VALIDATION', message, {
    context: { type, ...(runId === undefined ? {} : { runId }) },
  })
}
