import { OptionReader } from '../core/option-reader.js'
import { type RunFilter, TIMELINE_STATUSES } from './timeline-store.js'

/** A filter with its defaults; `cursor` is the place after which the page begins. */
type CheckedFilter = Pick<RunFilter, 'workflowId' | 'status' | 'cursor'> &
  Required<Pick<RunFilter, 'from' | 'to' | 'limit'>>

/**
 * Reads what `listRuns` is given. What is malformed would list nothing, or too much, without a word, and not the same in each
 * store.
 *
 * @throws {SystemError} `VALIDATION` with every field that is wrong.
 */
export function readRunFilter(filter: RunFilter): CheckedFilter {
  const reader = new OptionReader()
  const { workflowId, status, from = -Infinity, to = Infinity, limit = 50, cursor } = filter
  if (workflowId !== undefined && typeof workflowId !== 'string')
    reader.refuse('workflowId', 'must be a string')
  if (status !== undefined && !TIMELINE_STATUSES.includes(status)) {
    reader.refuse('status', `must be one of ${TIMELINE_STATUSES.join(', ')}`)
  }
  for (const [name, instant] of Object.entries({ from, to })) {
    if (typeof instant !== 'number' || Number.isNaN(instant)) {
      reader.refuse(name, 'must be a number, epoch milliseconds')
    }
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
    reader.refuse('limit', `must be from 1 to 1000: it is ${limit}`)
  }
  // Anything else is a place, too: a page from there on would be part of the list, or nothing, and nobody would know why.
  if (cursor !== undefined && !(typeof cursor === 'string' && PLACE.test(cursor))) {
    reader.refuse('cursor', 'must be that of the page before; leave it out for the first page')
  }
  reader.finish('list runs')
  // Fields that are absent stay so.
  return { ...filter, from, to, limit }
}

/** The instant a run began, and its id. */
const PLACE = /^\d{15,}\//
