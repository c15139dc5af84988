/** So many messages leave at once: fewer frames save work, more would keep the peer waiting for its first. */
const MAX_MESSAGES = 32
/** How long a frame of several may become, characters; both sides take three times that many bytes. */
export const MAX_BATCH_LENGTH = 32 * 1024
/** How many messages a frame may hold: more would be worked on for long while all others wait. */
const MAX_LINES = 1024

/** Whatever the host has that comes after what goes on now. */
const afterThisTurn: (callback: () => void) => void =
  typeof setImmediate === 'function' ? (callback) => void setImmediate(callback) : queueMicrotask

/** Gathers the messages of one turn of the event loop into few frames, one a line, where both sides agreed on that. */
export class MessageBatch {
  readonly #send: (frame: string) => void
  readonly #maxLength: number
  #frame = ''
  #count = 0
  /** What the last message that had one said in common with others. */
  #common: string | undefined
  #isScheduled = false

  /** @param maxMessageBytes What the peer takes. */
  constructor(send: (frame: string) => void, maxMessageBytes = Infinity) {
    this.#send = send
    // A character has up to three bytes.
    this.#maxLength = Math.min(MAX_BATCH_LENGTH, Math.floor(maxMessageBytes / 3))
  }

  /** What has not left yet, characters. */
  get length(): number {
    return this.#frame.length
  }

  /**
   * @param message An object, as JSON.
   * @param common The last of its fields, `"name":value`, where it is not in `message`: left out when the frame has it
   * from the message before that had one.
   */
  add(message: string, common?: string): void {
    const length = message.length + (common?.length ?? 0)
    if (this.#count > 0 && this.#frame.length + length >= this.#maxLength) this.flush()
    const line = common === undefined || common === this.#common ? message : withField(message, common)
    if (common !== undefined) this.#common = common
    this.#frame = this.#count === 0 ? line : `${this.#frame}\n${line}`
    if (++this.#count >= MAX_MESSAGES) return this.flush()
    if (this.#isScheduled) return
    this.#isScheduled = true
    afterThisTurn(() => {
      this.#isScheduled = false
      this.flush()
    })
  }

  flush(): void {
    if (this.#count === 0) return
    const frame = this.#frame
    this.#frame = ''
    this.#count = 0
    this.#common = undefined
    this.#send(frame)
  }
}

/** A message with one field more. */
export function withField(message: string, field: string): string {
  return `${message.slice(0, -1)},${field}}`
}

/** The messages in a frame, one a line; `undefined` when they are too many. */
export function splitFrame(text: string): readonly string[] | undefined {
  if (!text.includes('\n')) return [text]
  const lines = text.split('\n', MAX_LINES + 1)
  return lines.length > MAX_LINES ? undefined : lines
}
