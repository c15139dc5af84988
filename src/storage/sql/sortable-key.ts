/** The first code unit that is escaped, and the escape itself. No script uses it. */
const ESCAPE = 0xd7ff
const NEEDS_ESCAPE = /[\ud7ff-\uffff]/
const EACH_ESCAPED = /[\ud7ff-\uffff]/g

/** Behind every encoded key. */
export const AFTER_ALL_KEYS = '\u{10ffff}'

/**
 * Encodes a key so that databases, which compare the bytes of UTF-8, order encoded keys as JavaScript orders keys:
 * by UTF-16 code units. The two orders differ above U+D7FF, where UTF-16 has its surrogates, so each code unit from
 * there on becomes two below it. Every string survives, unpaired surrogates included; ordinary keys stay as they are;
 * and one key starts with another exactly when their encodings do.
 */
export function encodeKey(key: string): string {
  if (!NEEDS_ESCAPE.test(key)) return key
  return key.replace(EACH_ESCAPED, (unit) =>
    // One more than the difference: Postgres refuses U+0000.
    String.fromCharCode(ESCAPE, unit.charCodeAt(0) - ESCAPE + 1),
  )
}

/** The inverse of {@link encodeKey}. */
export function decodeKey(encoded: string): string {
  if (!encoded.includes('\ud7ff')) return encoded
  return encoded.replace(/\ud7ff([^])/g, (_match, unit: string) =>
    String.fromCharCode(unit.charCodeAt(0) + ESCAPE - 1),
  )
}
