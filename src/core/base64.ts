/** How many bytes are turned into characters by one call; each is an argument of it. */
const CHUNK = 8192

/** Base64 of bytes of any number, with padding. */
export function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += CHUNK) {
    // Takes bytes as they are; spread into a call they would be iterated one by one, ten times as long.
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + CHUNK) as unknown as number[])
  }
  return btoa(text)
}

/** The bytes, or `undefined` when `text` is not Base64 with padding and nothing around it. */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  const characters = atob(text)
  const bytes = new Uint8Array(characters.length)
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at)
  return bytes
}
