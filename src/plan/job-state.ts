import { isPlainObject } from '../core/plain-data.js'
import { thaw } from './state-data.js'

type Fields = Record<string, unknown>

export interface StateLayers {
  /** What has arrived, as state data. */
  readonly incoming: unknown
  /** What the job starts from where nothing has arrived. */
  readonly defaults: unknown
  readonly credentials: unknown
  readonly configuration: unknown
}

/**
 * The state a job starts from: its own, which it may change, whatever it came from.
 *
 * - at the top level, incoming keys over those of the job's default;
 * - `data`: a list or a value that has arrived stands as it is; else its fields over those of the default;
 * - `configuration`: the workflow's credentials, under the incoming one, under the job's own, one level.
 */
export function assembleState({ incoming, defaults, credentials, configuration }: StateLayers): Fields {
  const initial = fieldsOf(thaw(incoming))
  const fallback = fieldsOf(own(defaults))
  return {
    ...fallback,
    ...initial,
    data: assembleData(fallback['data'], initial['data']),
    configuration: {
      ...fieldsOf(own(credentials)),
      ...fieldsOf(initial['configuration']),
      ...fieldsOf(own(configuration)),
    },
  }
}

function assembleData(fallback: unknown, incoming: unknown): unknown {
  if (Array.isArray(incoming) || (incoming && typeof incoming !== 'object')) return incoming
  if (!incoming && Array.isArray(fallback)) return fallback
  return { ...fieldsOf(fallback), ...fieldsOf(incoming) }
}

/** The fields of an object or a list; none of anything else. */
function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

/** A copy of what the plan holds, so that no job can change the plan. Instances of classes are what they are. */
function own(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(own)
  if (!isPlainObject(value)) return value
  const copy: Fields = {}
  for (const key of Object.keys(value)) copy[key] = own((value as Fields)[key])
  return copy
}
