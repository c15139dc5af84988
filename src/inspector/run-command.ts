import { isFields } from '../core/is-fields.js'
import { type Clock, systemClock } from '../core/clock.js'
import { SystemError } from '../core/system-error.js'
import type { InspectedRuntime, RunCommand } from './inspector-source.js'

/** After so long a command that was accepted counts as given: a resumed run may go on for days. */
const PATIENCE_MS = 500

const REFUSALS: ReadonlySet<string> = new Set(['NOT_FOUND', 'INVALID_COMMAND', 'VALIDATION', 'UNAVAILABLE'])

/** Gives a command to a runtime. Resolves when it is carried out, or was accepted; rejects with why it was not. */
export async function giveCommand(
  runtime: InspectedRuntime,
  runId: string,
  command: RunCommand,
  clock: Clock = systemClock,
): Promise<void> {
  let timer: unknown
  const accepted = new Promise<undefined>((resolve) => {
    timer = clock.setTimeout(() => resolve(undefined), PATIENCE_MS)
  })
  const result = await Promise.race([perform(runtime, runId, command), accepted])
  clock.clearTimeout(timer)
  // That a run fails after it was resumed is no fault of the command.
  if (result && !result.ok && REFUSALS.has(result.error.code)) throw result.error
}

function perform(runtime: InspectedRuntime, runId: string, command: RunCommand) {
  switch (command.type) {
    case 'abort':
      return runtime.abort(runId, command.reason)
    case 'resume':
      return runtime.resume(runId, command.patch)
    case 'signal':
      return runtime.signal(runId, command.patch)
  }
}

/** Checks what came from outside. @throws {SystemError} `VALIDATION` */
export function parseCommand(type: string, body: unknown): RunCommand {
  const fields = isFields(body) ? body : {}
  const { patch, reason } = fields
  if (patch !== undefined && !isFields(patch)) throw malformed('"patch" must be an object')
  switch (type) {
    case 'abort':
      if (reason !== undefined && typeof reason !== 'string') throw malformed('"reason" must be text')
      return { type, ...(reason === undefined ? {} : { reason }) }
    case 'resume':
      return { type, ...(patch ? { patch } : {}) }
    case 'signal':
      if (!patch) throw malformed('"patch" is missing: give the fields of the state to write')
      return { type, patch }
    default:
      throw new SystemError('NOT_FOUND', `There is no command "${type}": abort, resume and signal are known`)
  }
}

function malformed(reason: string): SystemError {
  return new SystemError('VALIDATION', `Cannot give the command: ${reason}`)
}
