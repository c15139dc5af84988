import { type RunTimelineMeta, isFinished } from '../../timeline/timeline-store.js'

/** Whether there is something to tell of a run beyond what was known. */
export function differs(meta: RunTimelineMeta, known: RunTimelineMeta | undefined): boolean {
  return (
    meta.status !== known?.status ||
    meta.eventCount !== known.eventCount ||
    meta.lostEvents !== known.lostEvents
  )
}

/** Of two answers about a run the one that was read later, whichever arrived first: runs only go on. */
export function newerOf(meta: RunTimelineMeta, other: RunTimelineMeta | undefined): RunTimelineMeta {
  if (!other || isFinished(meta.status)) return meta
  return isFinished(other.status) || other.eventCount > meta.eventCount ? other : meta
}
