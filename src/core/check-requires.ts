import { isFields } from './is-fields.js'
import type { StepTask } from './step-executor.js'
import { SystemError } from './system-error.js'

/** @throws {SystemError} `VALIDATION` when the requirements of a task have no fields: nothing could be read from them. */
export function checkRequires({ task, requires }: Pick<StepTask, 'task' | 'requires'>): void {
  if (isFields(requires)) return
  throw new SystemError('VALIDATION', `Cannot run task "${task}": "requires" must be an object`, {
    context: { task, path: 'requires' },
  })
}
