import { isFields } from '../core/is-fields.js'
import * as z from 'zod/mini'
import { isDuration } from '../core/duration.js'
import { isStandardSchema } from '../core/standard-schema.js'
import { validateDescriptor } from '../pipeline/watch-descriptor.js'

/**
 * The shape of a workflow. Loaded when the first one is registered: what only runs workflows need not carry it.
 * Options that are not known are refused, because a misspelt one must not be ignored.
 */

/** One value, with one sentence for what it must be: zod's own sentences are made for forms. */
const rule = (isMet: (value: unknown) => boolean, message: string) =>
  z.custom((value) => isMet(value), { error: message })

const optional = <Schema extends z.ZodMiniType>(schema: Schema) => z.optional(schema)

const text = rule((value) => typeof value === 'string' && value !== '', 'must be a string that is not empty')
const callable = rule((value) => typeof value === 'function', 'must be a function')
const flag = rule((value) => typeof value === 'boolean', 'must be true or false')
const duration = rule(isDuration, "must be milliseconds or a string such as '250ms', '30s', '7d'")
const schema = rule(isStandardSchema, 'must be a Standard Schema, such as one made with zod')
const record = rule(isFields, 'must be an object')
const oneOf = (...values: readonly string[]) =>
  rule((value) => values.includes(value as string), `must be one of ${values.join(', ')}`)
const wholeFrom = (least: number) =>
  rule(
    (value) => value === Infinity || (Number.isInteger(value) && (value as number) >= least),
    `must be a whole number from ${least}`,
  )
/** Ids stand in paths, keys and addresses. */
const id = rule(isId, 'must be a string that is not empty, without "/"')

function isId(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('/') && value !== '__proto__'
}

const object = <Shape extends Record<string, z.ZodMiniType>>(shape: Shape) =>
  z.strictObject(shape, {
    error: ({ code, ...issue }) =>
      code === 'unrecognized_keys'
        ? `has no option ${(issue['keys'] as string[]).map((key) => `"${key}"`).join(', ')}`
        : 'must be an object',
  })
const list = <Schema extends z.ZodMiniType>(item: Schema) => z.array(item, { error: 'must be an array' })
/** An object of any keys that are ids. */
const byId = <Schema extends z.ZodMiniType>(value: Schema) =>
  z.record(id as unknown as z.ZodMiniString, value, {
    error: ({ code }) =>
      code === 'invalid_key' ? 'must have an id without "/" as its key' : 'must be an object',
  })
/** A value that may be spelt out. What is wrong with the short form stands at its own path: it is what the user wrote. */
const orShort = (isShort: (value: unknown) => boolean, short: z.ZodMiniType, full: z.ZodMiniType) =>
  z.custom().check(
    z.superRefine((value, context) => {
      const parsed = z.safeParse(isShort(value) ? short : full, value)
      for (const { path, message } of parsed.error?.issues ?? []) {
        context.addIssue({ code: 'custom', path, message, input: value })
      }
    }),
  )

const retry = orShort(
  (value) => typeof value === 'number',
  wholeFrom(0),
  object({
    limit: wholeFrom(0),
    backoff: optional(oneOf('fixed', 'exponential')),
    delay: optional(duration),
    factor: optional(rule((value) => typeof value === 'number' && value > 0, 'must be a number above 0')),
    maxDelay: optional(duration),
    jitter: optional(
      rule(
        (value) => typeof value === 'boolean' || (typeof value === 'number' && value >= 0 && value <= 1),
        'must be a number from 0 to 1, or true',
      ),
    ),
    when: optional(callable),
    onExhausted: optional(oneOf('fail', 'pause')),
  }),
)

const step = orShort(
  (value) => typeof value === 'function',
  callable,
  object({
    action: optional(callable),
    task: optional(text),
    executor: optional(text),
    requires: optional(record),
    input: optional(callable),
    output: optional(callable),
    label: optional(text),
    retry: optional(retry),
    timeout: optional(duration),
    compensate: optional(callable),
  }),
)

const watch = z.custom().check(
  z.superRefine((value, context) => {
    for (const { path, message } of validateDescriptor(value, '')) {
      const keys = path.split('.').filter((key) => key !== '')
      context.addIssue({ code: 'custom', path: keys, message, input: value })
    }
  }),
)

const stage = object({
  id,
  label: optional(text),
  steps: optional(byId(step)),
  pipelines: optional(z.lazy(() => list(pipeline))),
  forEach: optional(callable),
  concurrency: optional(wholeFrom(1)),
  merge: optional(callable),
  onChildFailure: optional(oneOf('fail-fast', 'collect')),
  router: optional(callable),
  onConflict: optional(oneOf('error', 'last-wins')),
  timeout: optional(duration),
  watch: optional(watch),
  where: optional(callable),
})

const pipeline: z.ZodMiniType = object({
  id,
  label: optional(text),
  initialState: z.optional(z.unknown()),
  schema: optional(schema),
  stages: list(stage),
  maxVisits: optional(wholeFrom(1)),
  timeout: optional(duration),
  compensate: optional(flag),
})

const trigger = object({
  event: optional(
    rule(
      (value) => typeof value === 'string' && value !== '' && value !== '*',
      'must be the type of an event',
    ),
  ),
  when: optional(callable),
  schema: optional(schema),
  schedule: optional(
    orShort((value) => typeof value === 'string', text, object({ cron: text, timeZone: optional(text) })),
  ),
  key: optional(callable),
  pipeline: optional(text),
})

export const workflowSchema = object({
  id,
  version: optional(text),
  label: optional(text),
  triggers: byId(trigger),
  pipelines: byId(pipeline),
  services: z.optional(z.unknown()),
  env: optional(record),
  options: optional(record),
  migrate: optional(callable),
})
