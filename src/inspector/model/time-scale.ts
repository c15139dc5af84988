import type { TimelineEvent } from '../../timeline/timeline-event.js'

/** How time is drawn: as it went, with long waits shortened, or an event after the other. */
export type ScaleMode = 'time' | 'folded' | 'events'

/** A wait that is drawn shorter than it was. */
export interface Fold {
  readonly from: number
  readonly to: number
  readonly ms: number
}

/** Where each event stands on a line from 0 to 1. */
export interface TimeScale {
  readonly mode: ScaleMode
  /** Of the event of that `seq`; 0 before the first. */
  at(seq: number): number
  /** The last event at that place or before it. */
  seqAt(place: number): number
  /** Milliseconds since the start, at that place. */
  msAt(place: number): number
  readonly folds: readonly Fold[]
}

/** The share of the working time that a folded wait takes. */
const FOLDED_SHARE = 0.1

/** Times that stand still or go back are drawn as standing still. */
export function createTimeScale(events: readonly TimelineEvent[], mode: ScaleMode): TimeScale {
  const count = events.length
  const gaps = new Float64Array(Math.max(0, count - 1))
  const isIdle = new Uint8Array(gaps.length)
  const elapsed = new Float64Array(count)
  let openSteps = 0
  for (let index = 0; index < gaps.length; index++) {
    const { type, timestamp } = events[index]!
    if (type === 'step:start') openSteps++
    else if (type === 'step:success' || type === 'step:failure' || type === 'step:retry') openSteps--
    gaps[index] = Math.max(0, events[index + 1]!.timestamp - timestamp)
    isIdle[index] = openSteps <= 0 ? 1 : 0
    elapsed[index + 1] = elapsed[index]! + gaps[index]!
  }
  const total = elapsed[count - 1] ?? 0
  const folds: Fold[] = []
  const places = new Float64Array(count)
  if (mode === 'events' || total === 0) {
    for (let index = 0; index < count; index++) places[index] = count > 1 ? index / (count - 1) : 0
  } else {
    const most = mode === 'folded' ? longestIdle(gaps, isIdle) : Infinity
    for (let index = 0; index < gaps.length; index++) {
      const isFolded = isIdle[index] === 1 && gaps[index]! > most
      if (isFolded) folds.push({ from: index + 1, to: index + 2, ms: gaps[index]! })
      places[index + 1] = places[index]! + (isFolded ? most : gaps[index]!)
    }
    const length = places[count - 1]!
    for (let index = 0; index < count; index++) places[index]! /= length
  }
  return {
    mode,
    folds,
    at: (seq) => (seq < 1 ? 0 : (places[Math.min(seq, count) - 1] ?? 0)),
    seqAt: (place) => lastAt(places, place) + 1,
    msAt: (place) => {
      const index = Math.max(0, lastAt(places, place))
      const next = Math.min(count - 1, index + 1)
      const width = places[next]! - places[index]!
      const part = width > 0 ? (place - places[index]!) / width : 0
      return elapsed[index]! + Math.min(1, Math.max(0, part)) * (elapsed[next]! - elapsed[index]!)
    },
  }
}

/** How long an idle gap may be before it is folded. */
function longestIdle(gaps: Float64Array, isIdle: Uint8Array): number {
  let working = 0
  const idle: number[] = []
  gaps.forEach((gap, index) => {
    if (isIdle[index] === 0) working += gap
    else if (gap > 0) idle.push(gap)
  })
  if (working > 0) return working * FOLDED_SHARE
  idle.sort((a, b) => a - b)
  return (idle[Math.floor(idle.length / 2)] ?? 1) * 2
}

/** The index of the last place that is at most `place`; -1 when there is none. */
function lastAt(places: Float64Array, place: number): number {
  let low = 0
  let high = places.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (places[middle]! <= place + 1e-12) low = middle + 1
    else high = middle
  }
  return low - 1
}
