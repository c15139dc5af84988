/** Deeper data is refused: walking it could overflow a stack on the other side. */
export const MAX_JSON_DEPTH = 500

const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125
const QUOTE = 34
const BACKSLASH = 92

/** Whether JSON text is nested deeper than {@link MAX_JSON_DEPTH}. Linear, and without parsing it. */
export function isTooDeep(text: string): boolean {
  let depth = 0
  let isInString = false
  // Shorter text cannot be so deep.
  if (text.length < MAX_JSON_DEPTH * 2) return false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (isInString) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) isInString = false
    } else if (code === QUOTE) isInString = true
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      if (++depth > MAX_JSON_DEPTH) return true
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth--
  }
  return false
}

/** How many bytes text takes in UTF-8, or `Infinity` as soon as that is more than `most`. */
export function bytesOf(text: string, most: number): number {
  if (text.length > most) return Infinity
  if (text.length * 3 <= most) return text.length
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    // Each half of a pair stands for two of its four bytes.
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1
  }
  return bytes > most ? Infinity : bytes
}
