import { serializeError } from '../core/system-error.js'
import type { Redaction } from './redaction.js'

/**
 * What a payload becomes on a timeline: plain data of bounded size that shares nothing with it that could still
 * change. Never throws, whatever it is given; what has no form in plain data is described in brackets.
 */
export interface PayloadOptions {
  /** Counted as 8 per scalar and key and 2 per character. What is beyond it is cut, with a marker that says so. */
  readonly maxBytes: number
  readonly redaction: Redaction | undefined
}

type Payload = Readonly<Record<string, unknown>>

const MAX_DEPTH = 24

/** Fields that hold run state, or a part of it, by the engine's convention: redaction paths start at them. */
const STATE_FIELDS = new Set(['state', 'patch'])

/** Keys that stores refuse. */
const RESERVED = new Set(['__proto__', 'constructor'])

export function toSafePayload(payload: Payload, options: PayloadOptions): Payload {
  if (!options.redaction) {
    if (KNOWN.has(payload)) return payload
    if (isSmallAndFlat(payload)) {
      if (Object.isFrozen(payload)) KNOWN.add(payload)
      return payload
    }
  }
  const writer = new SafeCopy(options)
  return writer.copy(payload, 0) as Payload
}

/** Frozen and flat: what most runs say they say with the same few objects, and what those are they stay. */
const KNOWN = new WeakSet<Payload>()

/** The usual payload of the engine: a few ids and numbers, in an object of its own. */
function isSmallAndFlat(payload: Payload): boolean {
  let count = 0
  for (const key in payload) {
    const value = payload[key]
    if (
      typeof value === 'string' ? value.length > 256 : typeof value !== 'boolean' && !Number.isFinite(value)
    )
      return false
    if (++count > 16 || RESERVED.has(key)) return false
  }
  return true
}

class SafeCopy {
  readonly #redaction: Redaction | undefined
  readonly #ancestors: object[] = []
  #bytesLeft: number

  constructor({ maxBytes, redaction }: PayloadOptions) {
    this.#bytesLeft = maxBytes
    this.#redaction = redaction
  }

  copy(value: unknown, depth: number): unknown {
    // Whatever it is, it costs something: lists may have no end.
    this.#bytesLeft -= 8
    switch (typeof value) {
      case 'string':
        return this.#copyText(value)
      case 'number':
        // A negative zero would not survive every store.
        return Number.isFinite(value) ? value + 0 : `[${value}]`
      case 'boolean':
        return value
      case 'object':
        return value === null ? null : this.#copyObject(value, depth)
      case 'undefined':
        return null
      case 'bigint':
        return this.#copyText(`${value}n`)
      case 'function':
        return '[function]'
      default:
        return '[symbol]'
    }
  }

  #copyText(text: string): string {
    // Masked before it is cut: half a secret is one too.
    const masked = this.#redaction?.mask ? this.#redaction.mask(text) : text
    const room = Math.max(0, Math.floor(this.#bytesLeft / 2))
    this.#bytesLeft -= masked.length * 2
    if (masked.length <= room) return masked
    return `${masked.slice(0, room)}… (cut: ${masked.length} characters)`
  }

  #copyObject(value: object, depth: number): unknown {
    if (this.#ancestors.includes(value)) return '[circular]'
    if (depth >= MAX_DEPTH) return '[nested too deep]'
    this.#ancestors.push(value)
    try {
      return this.#copyInside(value, depth)
    } catch {
      return '[unreadable]'
    } finally {
      this.#ancestors.pop()
    }
  }

  #copyInside(value: object, depth: number): unknown {
    if (Array.isArray(value)) return this.#copyList(value, value.length, depth)
    if (value instanceof Error) return this.#copyFields(serializeError(value), depth)
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[invalid date]' : value.toISOString()
    if (value instanceof Map || value instanceof Set) return this.#copyList(value, value.size, depth)
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      return `[${Object.prototype.toString.call(value).slice(8, -1)} of ${value.byteLength} bytes]`
    }
    const tag = Object.prototype.toString.call(value).slice(8, -1)
    return tag === 'Object' ? this.#copyFields(value, depth) : `[${tag}]`
  }

  #copyList(list: Iterable<unknown>, length: number, depth: number): readonly unknown[] {
    const copy: unknown[] = []
    for (const item of list) {
      if (this.#bytesLeft <= 0) {
        copy.push(`… (cut: ${length - copy.length} more)`)
        break
      }
      copy.push(this.copy(item, depth + 1))
    }
    return Object.freeze(copy)
  }

  #copyFields(object: object, depth: number): object {
    const keys = Object.keys(object)
    const copy: Record<string, unknown> = {}
    for (let index = 0; index < keys.length; index++) {
      if (this.#bytesLeft <= 0) {
        copy['…'] = `(cut: ${keys.length - index} more)`
        break
      }
      const key = keys[index]!
      const value = this.#readField(object, key)
      if (value === undefined) continue
      const name = this.#copyText(key)
      copy[RESERVED.has(name) ? `[${name}]` : name] = this.copy(value, depth + 1)
    }
    return Object.freeze(copy)
  }

  #readField(object: object, key: string): unknown {
    try {
      const value = (object as Record<string, unknown>)[key]
      if (!this.#redaction) return value
      if (STATE_FIELDS.has(key)) return this.#redaction.state(value)
      if (key === 'delta' && Array.isArray(value)) return this.#redaction.delta(value, {})
      return value
    } catch {
      return '[unreadable]'
    }
  }
}
