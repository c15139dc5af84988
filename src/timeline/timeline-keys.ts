import type { TimelineStatus } from './timeline-store.js'

/**
 * Where the records of a timeline stand in an ordered store:
 *
 * ```
 * timeline/run/<run>                        what is known of the run, as of its last status or snapshot
 * timeline/events/<run>/<first seq>         events that follow each other, as one record
 * timeline/by-time/<start>/<run>            ┐
 * timeline/by-workflow/<wf>/<start>/<run>   ├ to list runs by, the newest last
 * timeline/by-status/<st>/<start>/<run>     ┘
 * ```
 */
export class TimelineKeys {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  run(runId: string): string {
    return `${this.#root}run/${keyPart(runId)}`
  }

  /** The prefix of all events of a run. */
  events(runId: string): string {
    return `${this.#root}events/${keyPart(runId)}/`
  }

  /** The record of events that begins with this `seq`. */
  eventsFrom(runId: string, seq: number): string {
    return `${this.events(runId)}${padded(seq, 10)}`
  }

  /** The prefix of the smallest index that holds every run the filter asks for. */
  index(filter: { readonly workflowId?: string; readonly status?: TimelineStatus }): string {
    if (filter.workflowId !== undefined) return `${this.#root}by-workflow/${keyPart(filter.workflowId)}/`
    if (filter.status !== undefined) return `${this.#root}by-status/${filter.status}/`
    return `${this.#root}by-time/`
  }
}

/** The place of a run within each index. */
export function placeOf(run: { readonly startTime: number; readonly runId: string }): string {
  return `${placeAt(run.startTime)}/${keyPart(run.runId)}`
}

/** Before every place of this instant, and after every place of the instant before. */
export function placeAt(startTime: number): string {
  return padded(startTime, 15)
}

/** Numbers as text that sorts like the numbers. */
function padded(value: number, digits: number): string {
  return String(Math.min(Math.max(0, Math.floor(value)), Number.MAX_SAFE_INTEGER)).padStart(digits, '0')
}

const NEEDS_ESCAPE = /[%/\0\uD800-\uDFFF]/

/** An id as one part of a key: without `/`, U+0000 and lone surrogates, and still unique. */
function keyPart(id: string): string {
  // Ordinary ids stay as they are, and to see that is a fifth of what replacing costs.
  if (!NEEDS_ESCAPE.test(id)) return id
  return id.replace(/[%/\0\uD800-\uDFFF]/gu, (char) => `%${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
