import { SystemError } from '../core/system-error.js'

/** Stands where a value was removed. */
export const REDACTED = '[redacted]'

const SHORTEST = 4

/** Replaces every occurrence of a secret in a text. */
export type SecretMask = (text: string) => string

/**
 * Recognises secrets as they are and as they travel: encoded for a URL, escaped in JSON, in hexadecimal, and in
 * base64 or base64url, alone or in the middle of something longer (`user:password`).
 *
 * @throws {SystemError} `VALIDATION` when a secret is shorter than 4 characters: it would be found everywhere.
 */
export function createSecretMask(secrets: readonly string[]): SecretMask | undefined {
  const forms = new Set<string>()
  for (const secret of secrets) {
    if (typeof secret !== 'string' || secret.length < SHORTEST) {
      throw new SystemError(
        'VALIDATION',
        `Cannot mask a secret of fewer than ${SHORTEST} characters: it would be found everywhere`,
      )
    }
    for (const form of formsOf(secret)) if (form.length >= SHORTEST) forms.add(form)
  }
  if (forms.size === 0) return undefined
  // The longest first: where one form holds another, all of it goes.
  const sorted = [...forms].sort((a, b) => b.length - a.length)
  const pattern = new RegExp(sorted.map((form) => form.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'), 'g')
  return (text) => text.replace(pattern, REDACTED)
}

function* formsOf(secret: string): Generator<string> {
  yield secret
  yield JSON.stringify(secret).slice(1, -1)
  const bytes = new TextEncoder().encode(secret)
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  yield hex
  yield hex.toUpperCase()
  const url = toUrlForm(secret, bytes)
  for (const form of [url, url.replaceAll('%20', '+')]) {
    yield form
    yield form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())
  }
  for (const form of base64Forms(bytes)) {
    yield form
    yield form.replaceAll('+', '-').replaceAll('/', '_')
  }
}

function toUrlForm(secret: string, bytes: Uint8Array): string {
  try {
    return encodeURIComponent(secret)
  } catch {
    // A lone surrogate: no URL can hold it as it is.
    return Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
  }
}

/** The whole of it, and what stays of it in the middle of a longer text, at each of the three places it can begin. */
function* base64Forms(bytes: Uint8Array): Generator<string> {
  yield btoa(String.fromCharCode(...bytes))
  for (let before = 0; before < 3; before++) {
    const text = btoa('\0'.repeat(before) + String.fromCharCode(...bytes))
    yield text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  }
}
