import { toTaskError } from '../../core/task-error.js'
import { assertJson } from '../protocol/assert-json.js'
import { escape } from '../protocol/escape.js'
import { wireError } from '../protocol/wire-error.js'

/** The messages that bring a result: one, or chunks and one that ends them. */
export function resultFrames(requestId: string, value: unknown, maxChunk: number): readonly string[] {
  if (value === undefined) return [JSON.stringify({ type: 'task_result', requestId, ok: true })]
  assertJson(value, 'result', 'Cannot send the result')
  const json = JSON.stringify(value)
  if (json.length <= maxChunk) {
    return [`{"type":"task_result","requestId":"${escape(requestId)}","ok":true,"value":${json}}`]
  }
  const frames: string[] = []
  for (let from = 0; from < json.length; from += maxChunk) {
    const data = json.slice(from, from + maxChunk)
    frames.push(JSON.stringify({ type: 'task_result_chunk', requestId, index: frames.length, data }))
  }
  return [...frames, JSON.stringify({ type: 'task_result', requestId, ok: true, chunks: frames.length })]
}

/** The message that brings an error, as much of it as the other side reads. */
export function errorFrame(requestId: string, task: string, thrown: unknown, maxLength: number): string {
  const error = wireError(toTaskError(thrown, task), maxLength)
  return JSON.stringify({ type: 'task_result', requestId, ok: false, error })
}
