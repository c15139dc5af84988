import { fromBase64, toBase64 } from '../../core/base64.js'
import { describe, isSystemError, SystemError } from '../../core/system-error.js'
import { type NamedKey, type RunKeys, webCrypto } from './run-keys.js'

/**
 * What stands in the store for a value: its JSON, encrypted with AES-GCM under a fresh `iv`, and bound to the key of its
 * record, so that it is worth nothing under another one.
 */
export interface SealedRecord {
  readonly format: 1
  readonly keyId: string
  /** Also what conditions are on: no two records that were ever written have the same. */
  readonly iv: string
  readonly data: string
}

const FORMAT = 1
const IV_BYTES = 12

export type RunOfKey = (key: string) => string | undefined

/** Encrypts and decrypts records, each with a key of the run it belongs to. */
export class RecordSealer {
  readonly #keys: RunKeys
  readonly #runOf: RunOfKey

  constructor(keys: RunKeys, runOf: RunOfKey) {
    this.#keys = keys
    this.#runOf = runOf
  }

  async seal(key: string, json: string): Promise<SealedRecord> {
    const runId = this.#runOf(key)
    const current = await reach(key, () => this.#keys.current(runId))
    if (!current) throw missingKeyError(key, runId)
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
    const data = await encrypt(current, iv, key, json)
    return { format: FORMAT, keyId: current.id, iv: toBase64(iv), data: toBase64(new Uint8Array(data)) }
  }

  /** The value. @throws {SystemError} `STORAGE` naming the record, when it is not what was sealed, or its key is gone. */
  async open(key: string, stored: unknown): Promise<unknown> {
    const runId = this.#runOf(key)
    if (!isSealed(stored)) throw damagedError(key, runId)
    const cryptoKey = await reach(key, () => this.#keys.find(runId, stored.keyId))
    if (!cryptoKey) throw missingKeyError(key, runId, stored.keyId)
    const [iv, data] = [fromBase64(stored.iv), fromBase64(stored.data)]
    if (!iv || !data) throw damagedError(key, runId)
    let plain: ArrayBuffer
    try {
      plain = await webCrypto().decrypt(parameters(iv, key, stored.keyId), cryptoKey, data as BufferSource)
    } catch (error) {
      if (isSystemError(error)) throw error
      throw damagedError(key, runId, error)
    }
    return JSON.parse(new TextDecoder().decode(plain)) as unknown
  }
}

function encrypt(
  { id, key }: NamedKey,
  iv: Uint8Array,
  recordKey: string,
  json: string,
): Promise<ArrayBuffer> {
  return webCrypto().encrypt(parameters(iv, recordKey, id), key, new TextEncoder().encode(json))
}

function parameters(iv: Uint8Array, recordKey: string, keyId: string): AesGcmParams {
  // As JSON, which keeps unpaired surrogates apart that UTF-8 would not.
  const bound = new TextEncoder().encode(JSON.stringify([FORMAT, keyId, recordKey]))
  return { name: 'AES-GCM', iv: iv as BufferSource, additionalData: bound }
}

function isSealed(stored: unknown): stored is SealedRecord {
  const { format, keyId, iv, data } = (stored ?? {}) as Partial<Record<keyof SealedRecord, unknown>>
  return format === FORMAT && [keyId, iv, data].every((each) => typeof each === 'string')
}

/** Keys that cannot be reached now are another matter than keys that are gone. */
async function reach<T>(key: string, find: () => T | Promise<T>): Promise<T> {
  try {
    return await find()
  } catch (error) {
    if (isSystemError(error)) throw error
    throw new SystemError('STORAGE', `Cannot reach the key of the record "${key}": ${describe(error)}`, {
      cause: error,
      context: { key, reason: 'unreachable', isOutcomeUnknown: false },
    })
  }
}

function missingKeyError(key: string, runId: string | undefined, keyId?: string): SystemError {
  const which = keyId === undefined ? '' : ` "${keyId}"`
  return new SystemError(
    'STORAGE',
    `The record "${key}" has no key${which}: it was deleted, or add it to the keys that decrypt`,
    {
      context: {
        key,
        ...(runId === undefined ? {} : { runId }),
        ...(keyId === undefined ? {} : { keyId }),
        reason: 'no-key',
        isOutcomeUnknown: false,
      },
    },
  )
}

function damagedError(key: string, runId: string | undefined, cause?: unknown): SystemError {
  return new SystemError(
    'STORAGE',
    `The record "${key}" cannot be decrypted: it was changed, or not written there, restore it from a backup or delete it`,
    {
      ...(cause === undefined ? {} : { cause }),
      context: { key, ...(runId === undefined ? {} : { runId }), reason: 'damaged', isOutcomeUnknown: false },
    },
  )
}
