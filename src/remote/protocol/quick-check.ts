import { isFields } from '../../core/is-fields.js'
import type { Message } from './messages.js'
import type { WireMessage } from './read-frame.js'

/**
 * The messages that there are many of, looked at by hand: it says yes only where the schema would, and is many times
 * faster. Where it says no the schema has the word, and names the field.
 */

const MAX_ID_LENGTH = 256

export function isPlainResult(message: WireMessage): message is Message<'task_result'> & WireMessage {
  const { requestId, ok, chunks, error } = message
  return isId(requestId) && ok === true && chunks === undefined && error === undefined
}

export function isPlainRequest(message: WireMessage): message is Message<'task_request'> & WireMessage {
  const { requestId, task, runId, path, key, idempotencyKey, attempt, deadline, step } = message
  return (
    isId(requestId) &&
    typeof task === 'string' &&
    isTextOrNothing(runId) &&
    isTextOrNothing(path) &&
    isTextOrNothing(key) &&
    typeof idempotencyKey === 'string' &&
    Number.isSafeInteger(attempt) &&
    (attempt as number) >= 0 &&
    isTextOrNothing(deadline) &&
    (step === undefined || (isFields(step) && isStep(step)))
  )
}

export function isPlainHeartbeat({ workerId, timestamp }: WireMessage): boolean {
  return isId(workerId) && typeof timestamp === 'string'
}

function isStep(step: Fields): boolean {
  const { category, workflowId, pipelineId, stageId, stepId, timeoutMs, requires } = step
  return (
    isTextOrNothing(category) &&
    typeof workflowId === 'string' &&
    typeof pipelineId === 'string' &&
    typeof stageId === 'string' &&
    typeof stepId === 'string' &&
    (timeoutMs === null || Number.isFinite(timeoutMs)) &&
    isFields(requires)
  )
}

type Fields = Readonly<Record<string, unknown>>

function isId(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.length <= MAX_ID_LENGTH
}

function isTextOrNothing(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}
