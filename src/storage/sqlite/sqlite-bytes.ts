/** What engines return for bytes differs: a Buffer, a Uint8Array, an ArrayBuffer. */
export type Bytes = Uint8Array | ArrayBuffer

export function toBuffer(bytes: Bytes): Buffer {
  return bytes instanceof ArrayBuffer
    ? Buffer.from(bytes)
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** `undefined` for what is not even bytes. */
export function toBytes(bytes: Bytes | null | undefined): Buffer | undefined {
  return bytes ? toBuffer(bytes) : undefined
}

/** Bytes that are not UTF-8 become the text of another key. */
export function toText(bytes: Bytes | null | undefined): string | undefined {
  return toBytes(bytes)?.toString()
}
