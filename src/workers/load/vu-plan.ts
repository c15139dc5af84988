/** A piece of a ramp of virtual users. */
export interface VuSegment {
  readonly durationMs: number
  readonly target: number
  readonly name?: string | undefined
}

/** How many virtual users there should be at which time of a closed load, in milliseconds since its start. */
export interface VuPlan {
  /** The load ends here. `Infinity` when only something else ends it. */
  readonly endsAtMs: number
  vusAt(elapsedMs: number): number
  /** When to look again; `Infinity` when nothing changes any more. */
  nextChangeAfter(elapsedMs: number): number
  stageAt(elapsedMs: number): string | undefined
}

/** As many as there are, all the time. */
export function constantPlan(vus: number, endsAtMs: number): VuPlan {
  return {
    endsAtMs,
    vusAt: () => vus,
    nextChangeAfter: () => Infinity,
    stageAt: () => undefined,
  }
}

/** Timers are not finer, and a change that rounding puts where it already was must not be asked for again and again. */
const SMALLEST_STEP_MS = 1

/** In straight lines from target to target; in between, the nearest whole number. */
export function rampPlan(startVus: number, segments: readonly VuSegment[], limitMs: number): VuPlan {
  const pieces = toPieces(startVus, segments)
  const last = pieces.at(-1)!
  const endsAtMs = Math.min(limitMs, last.endMs)
  const pieceAt = (elapsedMs: number) => pieces.find(({ endMs }) => elapsedMs < endMs) ?? last
  return {
    endsAtMs,
    vusAt: (elapsedMs) => Math.round(valueAt(pieceAt(elapsedMs), elapsedMs)),
    nextChangeAfter: (elapsedMs) => {
      if (elapsedMs >= endsAtMs) return Infinity
      const piece = pieceAt(elapsedMs)
      return Math.max(elapsedMs + SMALLEST_STEP_MS, Math.min(piece.endMs, nextStep(piece, elapsedMs)))
    },
    stageAt: (elapsedMs) => pieceAt(elapsedMs).name,
  }
}

interface Piece {
  readonly beginMs: number
  readonly endMs: number
  readonly from: number
  readonly to: number
  readonly name?: string | undefined
}

function toPieces(startVus: number, segments: readonly VuSegment[]): readonly Piece[] {
  const pieces: Piece[] = []
  let beginMs = 0
  let from = startVus
  for (const { durationMs, target, name } of segments) {
    pieces.push({ beginMs, endMs: beginMs + durationMs, from, to: target, name })
    beginMs += durationMs
    from = target
  }
  return pieces
}

function valueAt({ beginMs, endMs, from, to }: Piece, elapsedMs: number): number {
  if (endMs === beginMs) return to
  const part = Math.min(1, (elapsedMs - beginMs) / (endMs - beginMs))
  return from + (to - from) * part
}

/** When the rounded value becomes the next whole number. */
function nextStep(piece: Piece, elapsedMs: number): number {
  const { beginMs, endMs, from, to } = piece
  if (from === to) return Infinity
  const now = Math.round(valueAt(piece, elapsedMs))
  const border = now + (to > from ? 0.5 : -0.5)
  return beginMs + ((border - from) / (to - from)) * (endMs - beginMs)
}
