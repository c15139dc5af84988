import { type Parsed, refuse } from '../protocol/protocol-fault.js'
import { readFrame } from '../protocol/read-frame.js'

/** A result that arrives in chunks: text pieces of its JSON, in order. */
export class ResultAssembly {
  readonly #maxBytes: number
  #chunks: string[] = []
  #length = 0

  /** @param maxBytes How long the whole may become, in characters of JSON. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Takes the next piece. One that is here already, because it was sent twice, changes nothing. */
  add(index: number, data: string): Parsed<undefined> {
    if (index < this.#chunks.length) return { ok: true, message: undefined }
    if (index > this.#chunks.length) {
      return refuse('INVALID_MESSAGE', `"index" must be ${this.#chunks.length}: it is ${index}`, 'index')
    }
    if (this.#length + data.length > this.#maxBytes) {
      return refuse('TOO_LARGE', `A result must have at most ${this.#maxBytes} characters of JSON`, 'data')
    }
    this.#chunks.push(data)
    this.#length += data.length
    return { ok: true, message: undefined }
  }

  /** The value, when all `count` pieces are here. */
  finish(count: number): Parsed<unknown> {
    if (count !== this.#chunks.length) {
      return refuse('INVALID_MESSAGE', `"chunks" must be ${this.#chunks.length}: it is ${count}`, 'chunks')
    }
    // As a field of a message it passes the checks that every message passes.
    const frame = readFrame(`{"type":"task_result","value":${this.#chunks.join('')}}`)
    return frame.ok ? { ok: true, message: frame.message['value'] } : frame
  }
}
