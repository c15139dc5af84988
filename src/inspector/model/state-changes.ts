import type { TimelineEvent, TimelineState } from '../../timeline/timeline-event.js'

/** A place in the state that an event wrote. */
export interface StateChange {
  /** Dotted, as in `items.0.price`. */
  readonly path: string
  readonly kind: 'added' | 'changed' | 'removed'
  readonly before: unknown
  readonly after: unknown
}

/** What an event changed in the state, as its delta says; without one, the fields that differ. */
export function stateChanges(
  event: TimelineEvent,
  before: TimelineState,
  after: TimelineState,
): readonly StateChange[] {
  const paths = event.delta
    ? event.delta.map(({ path }) => path.map(String))
    : before === after
      ? []
      : [...new Set([...Object.keys(before), ...Object.keys(after)])].map((key) => [key])
  const changes = new Map<string, StateChange>()
  for (const path of paths) {
    // An array that was shortened is told by its length alone.
    const place =
      path.at(-1) === 'length' && Array.isArray(read(before, path.slice(0, -1)).value)
        ? path.slice(0, -1)
        : path
    const [was, is] = [read(before, place), read(after, place)]
    if (was.isThere === is.isThere && Object.is(was.value, is.value)) continue
    const kind = !was.isThere ? 'added' : !is.isThere ? 'removed' : 'changed'
    const key = place.join('.')
    changes.set(key, { path: key, kind, before: was.value, after: is.value })
  }
  return [...changes.values()]
}

function read(
  state: unknown,
  path: readonly string[],
): { readonly isThere: boolean; readonly value: unknown } {
  let value = state
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part))
      return { isThere: false, value: undefined }
    value = (value as Record<string, unknown>)[part]
  }
  return { isThere: true, value }
}
