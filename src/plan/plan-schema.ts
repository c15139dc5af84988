import * as z from 'zod/mini'
import { CONDITION_OPERATORS } from '../pipeline/watch-descriptor.js'

/**
 * The shape of a plan. Keys that are not known are let through, because plans come from platforms that keep notes of their
 * own in them; `validatePlan` warns of them.
 */

const MAX_LOOPS = 10_000

const text = z.string({ error: 'must be text' })
const id = z.string({ error: 'must be a string' }).check(
  z.minLength(1, { error: 'must not be empty' }),
  z.refine((value) => value !== '__proto__', { error: 'is reserved' }),
)
const flag = z.boolean({ error: 'must be true or false' })
const callable = z.custom((value) => typeof value === 'function', { error: 'must be a function' })
const fields = z.record(z.string(), z.unknown(), { error: 'must be an object' })
const whole = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`
  return z.int({ error }).check(z.minimum(least, { error }), z.maximum(most, { error }))
}
const durationError = "must be milliseconds or a string such as '250ms', '30s', '7d'"
const duration = z.union(
  [
    z.number().check(z.minimum(0, { error: durationError })),
    z.string().check(z.regex(/^\d+(\.\d+)?(ms|s|m|h|d|w)$/, { error: durationError })),
  ],
  { error: durationError },
)
const orNull = <Schema extends z.ZodMiniType>(schema: Schema) => z.optional(z.nullable(schema))

const edgeOptions = z.looseObject(
  {
    condition: z.optional(
      z.union([text, flag, callable], { error: 'must be an expression, true, false or a function' }),
    ),
    label: z.optional(z.unknown()),
    disabled: z.optional(flag),
    loop: z.optional(whole(1, MAX_LOOPS)),
  },
  { error: 'must be true, false, a condition or an object' },
)

const edge = z.union([z.boolean(), z.string(), z.number(), callable, edgeOptions], {
  error: 'must be true, false, a condition or an object such as { "condition": "state.data.ok" }',
})

const jitterError = { error: 'must be a number from 0 to 1, or true' }

const retry = z.looseObject(
  {
    limit: whole(0, 1_000),
    backoff: z.optional(z.enum(['fixed', 'exponential'], { error: 'must be "fixed" or "exponential"' })),
    delay: z.optional(duration),
    factor: z.optional(
      z
        .number({ error: 'must be a number above 0' })
        .check(z.positive({ error: 'must be a number above 0' })),
    ),
    maxDelay: z.optional(duration),
    jitter: z.optional(
      z.union(
        [z.boolean(), z.number().check(z.minimum(0, jitterError), z.maximum(1, jitterError))],
        jitterError,
      ),
    ),
    onExhausted: z.optional(z.enum(['fail', 'pause'], { error: 'must be "fail" or "pause"' })),
  },
  { error: 'must be a number of retries, or an object with a limit' },
)

const linkedModule = z.looseObject(
  { path: z.optional(text), version: z.optional(text) },
  { error: 'must be an object such as { "path": "…", "version": "1.2.3" }' },
)

const condition = z.looseObject(
  {
    field: text,
    op: z.enum(CONDITION_OPERATORS, { error: `must be one of ${CONDITION_OPERATORS.join(', ')}` }),
    value: z.optional(z.unknown()),
    valueFrom: z.optional(text),
  },
  { error: 'must be an object such as { "field": "id", "op": "==", "value": 7 }' },
)

const wait = z.looseObject(
  {
    event: id,
    conditions: z.optional(z.array(condition, { error: 'must be an array' })),
    timeout: z.union([duration, z.literal('never')], {
      error: `${durationError}; "never" to wait for ever`,
    }),
  },
  { error: 'must be an object with an event and a timeout' },
)

const step = z.looseObject(
  {
    id: z.optional(id),
    name: orNull(text),
    expression: z.optional(
      z.union([text, callable, z.array(callable, { error: 'must be an array of functions' })], {
        error: 'must be the text of a module, a function or an array of functions',
      }),
    ),
    state: orNull(z.union([text, fields], { error: 'must be an object, or the id of one' })),
    configuration: orNull(z.union([text, fields], { error: 'must be an object, or the id of one' })),
    next: orNull(
      z.union([text, z.record(z.string(), edge)], {
        error: 'must be the id of a step, or an object of edges by the id of their target',
      }),
    ),
    join: z.optional(z.enum(['each', 'all'], { error: 'must be "each" or "all"' })),
    retry: z.optional(
      z.union([whole(0, 1_000), retry], {
        error: 'must be a whole number from 0 to 1000, or an object with a limit',
      }),
    ),
    timeout: orNull(duration),
    wait: z.optional(wait),
    adaptors: orNull(z.array(text, { error: "must be an array such as ['name@1.2.3']" })),
    linker: orNull(z.record(z.string(), linkedModule, { error: 'must be an object of modules' })),
    sourceMap: z.optional(z.unknown()),
  },
  { error: 'must be an object' },
)

const workflow = z.looseObject(
  {
    id: orNull(text),
    name: orNull(text),
    steps: z.optional(z.array(step, { error: 'must be an array of steps' })),
    jobs: z.optional(z.array(step, { error: 'must be an array of steps' })),
    start: orNull(text),
    globals: orNull(text),
    credentials: orNull(fields),
  },
  { error: 'must be an object with the steps of the plan' },
)

const settings = z.looseObject(
  {
    start: orNull(text),
    end: orNull(text),
    timeout: orNull(duration),
    workflowTimeout: orNull(duration),
    concurrency: z.optional(whole(1, 1_000)),
  },
  { error: 'must be an object' },
)

export const planSchema = z.looseObject(
  { id: orNull(text), workflow, options: orNull(settings) },
  { error: 'must be an object: a plan has a workflow' },
)

/** The keys that mean something, by where they stand. */
export const KNOWN_KEYS = {
  plan: Object.keys(planSchema.shape),
  workflow: Object.keys(workflow.shape),
  options: Object.keys(settings.shape),
  // `adaptor` and `enabled` are written by platforms and mean nothing to a runtime.
  step: [...Object.keys(step.shape), 'adaptor', 'enabled'],
  edge: Object.keys(edgeOptions.shape),
} as const

/**
 * The JSON Schema (draft 2020-12) of plans as they stand in files, where expressions and conditions are text. What no
 * schema can say (ids that are taken, edges that lead nowhere, circles) is for `validatePlan`.
 */
export function planJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(planSchema, {
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === callable) jsonSchema.not = {}
    },
  })
  return { ...(withoutFunctions(schema) as object), title: 'Busline execution plan' }
}

/** Without the alternatives that are functions, or arrays of them: a file holds none. */
function withoutFunctions(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutFunctions)
  if (typeof schema !== 'object' || schema === null) return schema
  const fields = Object.entries(schema as Readonly<Record<string, unknown>>)
  const entries = fields.map(([key, value]): [string, unknown] => {
    const kept =
      key === 'anyOf' ? (value as readonly JsonSchema[]).filter((each) => !isFunction(each)) : value
    return [key, withoutFunctions(kept)]
  })
  return Object.fromEntries(entries)
}

interface JsonSchema {
  readonly not?: unknown
  readonly items?: JsonSchema
}

const isFunction = ({ not, items }: JsonSchema): boolean => not !== undefined || items?.not !== undefined
