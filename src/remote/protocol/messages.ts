import * as z from 'zod/mini'
import type { SerializedError } from '../../core/system-error.js'
import { LOG_LEVELS } from '../../core/logger.js'
import { type Parsed, refuse } from './protocol-fault.js'
import { isPlainHeartbeat, isPlainRequest, isPlainResult } from './quick-check.js'
import type { WireMessage } from './read-frame.js'

/**
 * Every message of the protocol, by its `type`. What a schema does not name is kept: a newer peer may say more. Sentences
 * are our own, because they travel to whoever wrote the other side.
 */

/** Spoken by workers that take task requests and resume their session; without it there are plain messages only. */
export const PROTOCOL = 2

/** A registration is no more than this, bytes; a socket that has not registered may send nothing larger. */
export const MAX_REGISTRATION_BYTES = 256 * 1024

const MAX_ID_LENGTH = 256

const string = z.string({ error: 'must be a string' })
const number = z.number({ error: 'must be a number' })
const boolean = z.boolean({ error: 'must be true or false' })
const id = string.check(
  z.minLength(1, { error: 'must not be empty' }),
  z.maxLength(MAX_ID_LENGTH, { error: `must have at most ${MAX_ID_LENGTH} characters` }),
)
const whole = number.check(
  z.refine((value) => Number.isSafeInteger(value) && value >= 0, { error: 'must be a whole number from 0' }),
)
const list = <Item extends z.ZodMiniType>(item: Item, max: number) =>
  z
    .array(item, { error: 'must be an array' })
    .check(z.maxLength(max, { error: `must have at most ${max} entries` }))
const record = <Value extends z.ZodMiniType>(value: Value) =>
  z.record(z.string(), value, { error: 'must be an object' })
const object = <Shape extends Record<string, z.ZodMiniType>>(shape: Shape) =>
  z.looseObject(shape, { error: 'must be an object' })
/** A message: an object of that `type`. */
const message = <Type extends string, Shape extends Record<string, z.ZodMiniType>>(
  type: Type,
  shape: Shape,
) => object({ type: z.literal(type), ...shape })

const model = object({
  modelId: string,
  displayName: string,
  maxContextTokens: number,
  maxOutputTokens: number,
  supportsStreaming: boolean,
  supportsVision: z.optional(boolean),
  supportsTools: z.optional(boolean),
})

const capabilities = object({
  models: list(model, 10_000),
  maxConcurrentRequests: number,
  metadata: z.optional(record(z.unknown())),
  concurrencyLimits: z.optional(record(number)),
  tasks: z.optional(list(id, 10_000)),
  zone: z.optional(id),
  weight: z.optional(number.check(z.gt(0, { error: 'must be above 0' }))),
})

/** `errors` and `cause` are errors again; the depth of a frame bounds how far. */
const error: z.ZodMiniType<SerializedError, SerializedError> = z.lazy(() =>
  z.object(
    {
      name: string,
      message: string,
      stack: z.exactOptional(string),
      code: z.exactOptional(string),
      context: z.exactOptional(record(z.unknown())),
      cause: z.exactOptional(error),
      errors: z.exactOptional(list(error, 1000)),
    },
    { error: 'must be an error' },
  ),
)

const step = object({
  category: z.optional(string),
  workflowId: string,
  pipelineId: string,
  stageId: string,
  stepId: string,
  timeoutMs: z.nullable(number),
  requires: record(z.unknown()),
})

export const SCHEMAS = {
  worker_registration: message('worker_registration', {
    workerId: id,
    workerName: string.check(z.maxLength(1024, { error: 'must have at most 1024 characters' })),
    capabilities,
    protocol: z.optional(number),
    /** Whether it reads frames of several messages. */
    batches: z.optional(boolean),
    resume: z.optional(object({ sessionId: id, inFlight: list(id, 1_000_000) })),
  }),
  worker_registration_ack: message('worker_registration_ack', {
    success: boolean,
    sessionId: z.optional(string),
    heartbeatIntervalMs: z.optional(number),
    error: z.optional(string),
    protocol: z.optional(number),
    batches: z.optional(boolean),
    resumed: z.optional(boolean),
    awaited: z.optional(list(id, 1_000_000)),
    maxMessageBytes: z.optional(number),
  }),
  heartbeat: message('heartbeat', { workerId: id, timestamp: string }),
  heartbeat_ack: message('heartbeat_ack', { timestamp: string, nextHeartbeatDeadline: string }),
  task_request: message('task_request', {
    requestId: id,
    task: string,
    runId: z.optional(string),
    path: z.optional(string),
    key: z.optional(string),
    idempotencyKey: string,
    attempt: whole,
    deadline: z.optional(string),
    input: z.optional(z.unknown()),
    /** That of the request before it in the frame, where it is absent; of no step that it knows, where there is none. */
    step: z.optional(step),
  }),
  task_accept: message('task_accept', { requestId: id }),
  task_progress: message('task_progress', { requestId: id, fraction: number, message: z.optional(string) }),
  task_log: message('task_log', {
    requestId: id,
    level: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }),
    message: string,
    data: z.optional(z.unknown()),
  }),
  task_result_chunk: message('task_result_chunk', { requestId: id, index: whole, data: string }),
  task_result: message('task_result', {
    requestId: id,
    ok: boolean,
    value: z.optional(z.unknown()),
    chunks: z.optional(whole),
    error: z.optional(error),
  }),
  task_cancel: message('task_cancel', { requestId: id, reason: z.optional(error) }),
  drain: message('drain', {}),
  error: message('error', { code: string, message: string, path: z.optional(string) }),
}

export type MessageType = keyof typeof SCHEMAS
export type Message<Type extends MessageType> = z.infer<(typeof SCHEMAS)[Type]>

/** What a worker says of itself. */
export type WorkerCapabilities = z.infer<typeof capabilities>
export type WorkerModel = z.infer<typeof model>
/** What the requests of one step have in common. */
export type WireStep = z.infer<typeof step>

const QUICK_CHECKS: Partial<Record<MessageType, (message: WireMessage) => boolean>> = {
  task_request: isPlainRequest,
  task_result: isPlainResult,
  heartbeat: isPlainHeartbeat,
}

/** A message of a known type, checked; or the first field that is wrong. */
export function parseMessage<Type extends MessageType>(
  type: Type,
  message: WireMessage,
): Parsed<Message<Type>> {
  if (QUICK_CHECKS[type]?.(message)) return { ok: true, message: message as unknown as Message<Type> }
  const result = z.safeParse(SCHEMAS[type], message)
  if (result.success) return { ok: true, message: result.data as Message<Type> }
  const [issue] = result.error.issues
  const path = issue!.path.map(String).join('.')
  return refuse('INVALID_MESSAGE', path === '' ? issue!.message : `"${path}" ${issue!.message}`, path)
}
