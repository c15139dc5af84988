import { isDuration } from '../../core/duration.js'
import { isPlainObject } from '../../core/plain-data.js'
import type { Issue } from '../../core/system-error.js'
import { type ExecutionProfile, LOAD_EXECUTORS, type LoadExecutor } from './execution-profile.js'

type Check = (value: unknown) => string | undefined

interface Field {
  readonly check: Check
  /** The executors it belongs to; all of them where there is no list. */
  readonly of?: readonly LoadExecutor[]
  readonly neededBy?: readonly LoadExecutor[]
}

const CLOSED: readonly LoadExecutor[] = [
  'iterations',
  'sharedIterations',
  'constantVus',
  'rampingVus',
  'shape',
]
const OPEN: readonly LoadExecutor[] = ['constantArrivalRate', 'rampingArrivalRate']
const RAMPS: readonly LoadExecutor[] = ['rampingVus', 'rampingArrivalRate']

const whole =
  (from: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= from
      ? undefined
      : `must be a whole number from ${from}`

const rate =
  (allowsZero: boolean): Check =>
  (value) =>
    typeof value === 'number' && Number.isFinite(value) && (allowsZero ? value >= 0 : value > 0)
      ? undefined
      : `must be a number ${allowsZero ? 'from' : 'above'} 0`

const fraction: Check = (value) =>
  typeof value === 'number' && value >= 0 && value < 1 ? undefined : 'must be a number from 0 to below 1'

const duration: Check = (value) =>
  isDuration(value) && value !== Infinity && (typeof value !== 'number' || Number.isSafeInteger(value))
    ? undefined
    : `must be a whole number of milliseconds from 0, or a duration such as '250ms' or '30s'`

const positiveDuration: Check = (value) =>
  duration(value) ?? (/^0*(\.0+)?[a-z]*$/.test(String(value)) ? 'must be longer than 0' : undefined)

const oneOf =
  (words: readonly string[]): Check =>
  (value) =>
    words.includes(value as string) ? undefined : `must be one of ${words.join(', ')}`

/** Every field of a profile, what it may be, and which load models have it. */
const FIELDS: Readonly<Record<keyof ExecutionProfile, Field>> = {
  executor: { check: oneOf(LOAD_EXECUTORS) },
  iterations: { check: whole(0), of: ['iterations', 'sharedIterations'], neededBy: ['sharedIterations'] },
  delayBetweenIterations: { check: duration, of: CLOSED },
  vus: { check: whole(1), of: ['sharedIterations', 'constantVus'] },
  startVus: { check: whole(0), of: ['rampingVus'] },
  rate: { check: rate(false), of: ['constantArrivalRate'], neededBy: ['constantArrivalRate'] },
  startRate: { check: rate(true), of: ['rampingArrivalRate'] },
  timeUnit: { check: positiveDuration, of: OPEN },
  stages: {
    check: (value) =>
      Array.isArray(value) && value.length > 0 ? undefined : 'must be a list of at least one stage',
    of: RAMPS,
    neededBy: RAMPS,
  },
  duration: {
    check: positiveDuration,
    of: ['iterations', 'sharedIterations', 'constantVus', 'constantArrivalRate', 'shape'],
    neededBy: ['constantVus', 'constantArrivalRate'],
  },
  maxConcurrent: { check: whole(1), of: [...OPEN, 'shape'] },
  spacing: { check: oneOf(['even', 'poisson']), of: OPEN },
  phase: { check: fraction, of: OPEN },
  seed: { check: whole(0), of: OPEN },
  shapeInterval: { check: positiveDuration, of: ['shape'] },
  gracePeriod: { check: duration },
}

const STAGE_FIELDS = ['duration', 'target', 'name']

/** Everything that is wrong with a profile; `path` says where it stands in what was given. */
export function checkProfile(profile: unknown, path = 'executionProfile'): Issue[] {
  if (typeof profile !== 'object' || profile === null || !isPlainObject(profile)) {
    return [{ path, message: 'must be a plain object' }]
  }
  const given = profile as Readonly<Record<string, unknown>>
  const executor = (given['executor'] ?? 'iterations') as LoadExecutor
  if (!LOAD_EXECUTORS.includes(executor)) {
    return [{ path: `${path}.executor`, message: `must be one of ${LOAD_EXECUTORS.join(', ')}` }]
  }
  const issues: Issue[] = []
  for (const [name, value] of Object.entries(given)) {
    const message = value === undefined ? undefined : checkField(name, value, executor)
    if (message !== undefined) issues.push({ path: `${path}.${name}`, message })
  }
  for (const [name, { neededBy }] of Object.entries(FIELDS)) {
    if (neededBy?.includes(executor) && given[name] === undefined) {
      issues.push({ path: `${path}.${name}`, message: `is needed by the executor ${executor}` })
    }
  }
  return issues.length > 0 ? issues : checkStages(given['stages'], `${path}.stages`)
}

function checkField(name: string, value: unknown, executor: LoadExecutor): string | undefined {
  const field = Object.hasOwn(FIELDS, name) ? FIELDS[name as keyof ExecutionProfile] : undefined
  if (!field)
    return `is not known: allowed with the executor ${executor} are ${fieldsOf(executor).join(', ')}`
  if (field.of && !field.of.includes(executor)) {
    return `belongs to ${field.of.join(', ')}, not to ${executor}: allowed with it are ${fieldsOf(executor).join(', ')}`
  }
  return field.check(value)
}

function fieldsOf(executor: LoadExecutor): string[] {
  return Object.keys(FIELDS).filter((name) => {
    const { of } = FIELDS[name as keyof ExecutionProfile]
    return !of || of.includes(executor)
  })
}

function checkStages(stages: unknown, path: string): Issue[] {
  if (!Array.isArray(stages)) return []
  return stages.flatMap((stage: unknown, index) => {
    const at = `${path}.${index}`
    if (typeof stage !== 'object' || stage === null) return [{ path: at, message: 'must be a plain object' }]
    const { duration: length, target, name } = stage as Readonly<Record<string, unknown>>
    const wrong: [string, string | undefined][] = [
      ['duration', duration(length)],
      ['target', whole(0)(target)],
      ['name', name === undefined || typeof name === 'string' ? undefined : 'must be text'],
    ]
    for (const key of Object.keys(stage)) {
      if (!STAGE_FIELDS.includes(key))
        wrong.push([key, `is not known: allowed are ${STAGE_FIELDS.join(', ')}`])
    }
    return wrong.flatMap(([key, message]) =>
      message === undefined ? [] : [{ path: `${at}.${key}`, message }],
    )
  })
}
