/** A label on the axis, in pixels from its left end. */
export interface AxisLabel {
  readonly text: string
  readonly left: number
  readonly right: number
}

/** Of the monospaced letters of the axis, the widest that a system may have: 10.5 pixels high. */
const LETTER = 6.5
/** Between two labels. */
const GAP = 4

/** A label that begins at a mark. */
export function labelFrom(text: string, left: number): AxisLabel {
  return { text, left, right: left + 5 + text.length * LETTER }
}

/** A label around a point, moved where it would stick out. */
export function labelAround(text: string, middle: number, width: number): AxisLabel {
  const half = (12 + text.length * LETTER) / 2
  const place = Math.max(half, Math.min(width - half, middle))
  return { text, left: place - half, right: place + half }
}

/** Of labels from left to right those with room: each goes before the ones that would lie on it. */
export function withRoom<Label extends AxisLabel>(labels: readonly Label[]): readonly Label[] {
  const shown: Label[] = []
  for (const label of labels) {
    if (label.left >= (shown.at(-1)?.right ?? -Infinity) + GAP) shown.push(label)
  }
  return shown
}
