import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * Whether two secrets are the same, in a time that says nothing about either: both are hashed to one length first. What is
 * no string is equal to nothing.
 */
export function safeCompare(given: unknown, expected: unknown): boolean {
  const isText = typeof given === 'string' && typeof expected === 'string'
  const left = hash(isText ? given : '')
  const right = hash(isText ? expected : '-')
  return timingSafeEqual(left, right)
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
