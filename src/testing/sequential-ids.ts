import type { IdSource } from '../core/ids.js'

/** Ids that count upwards in the form of a UUIDv7, so that a test can name them. */
export function sequentialIds(): IdSource {
  let count = 0
  return () => {
    const digits = (++count).toString(16).padStart(12, '0')
    return `00000000-0000-7000-8000-${digits}`
  }
}
