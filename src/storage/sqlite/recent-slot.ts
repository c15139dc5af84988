import { crc32 } from 'node:zlib'
import { checksumOf } from '../sql/json-record.js'
import { decodeKey, encodeKey } from '../sql/sortable-key.js'
import { type Bytes, toBytes } from './sqlite-bytes.js'

/** What was written at a key. */
export interface RecentRecord {
  /** Absent where the key was deleted; empty where it is damaged. */
  readonly json: string | undefined
  /** Of key and JSON, as `checksumOf` gives it. */
  readonly checksum: number
}

export type RecentEntry = readonly [key: string, record: RecentRecord]

/**
 * Bytes of a slot: as many as fit into a page of 4096 beside what SQLite needs for itself. All slots have so many, so that one that
 * is written again takes the place of the last, and no other page changes.
 */
export const SLOT_BYTES = 4000

/** Bytes of a label. */
const LABEL_BYTES = 40

/** Most bytes of the head that a record takes beside its key. */
const FRAME_BYTES = 24

/** Divides records among slots, in their order; `undefined` when one of them is too large for any. */
export function packSlots(records: readonly RecentEntry[]): RecentEntry[][] | undefined {
  const slots: RecentEntry[][] = []
  let free = 0
  for (const entry of records) {
    const bytes = bytesOf(entry)
    if (bytes > EMPTY_BYTES) return undefined
    if (bytes > free) {
      slots.push([])
      free = EMPTY_BYTES
    }
    slots.at(-1)!.push(entry)
    free -= bytes
  }
  return slots
}

const EMPTY_BYTES = SLOT_BYTES - LABEL_BYTES

function bytesOf([key, { json }]: RecentEntry): number {
  return FRAME_BYTES + Buffer.byteLength(encodeKey(key)) + (json === undefined ? 0 : Buffer.byteLength(json))
}

/**
 * Writes records as the bytes of a slot: `<label><head><JSON of all records>`. The label is `<generation> <bytes of the head> <checksum of both and
 * the head>`, the head `<key>␀<bytes of its JSON, or - for a deletion>␀<checksum>␀` for each record, so that a damaged JSON costs one record.
 * Without the head nobody would know which: where there is room, head and label stand at the end once more.
 *
 * @param records That fit, as `packSlots` says.
 * @returns What the next call writes over.
 */
export function encodeSlot(generation: number, records: readonly RecentEntry[]): Buffer {
  let head = ''
  let body = ''
  for (const [key, { json, checksum }] of records) {
    const size = json === undefined ? DELETED : Buffer.byteLength(json)
    head += `${encodeKey(key)}\0${size}\0${checksum}\0`
    body += json ?? ''
  }
  const headBytes = Buffer.byteLength(head)
  const label = `${generation} ${headBytes} ${headChecksum(generation, head)}`.padEnd(LABEL_BYTES)
  const end = slot.write(label + head + body)
  slot.fill(0, end)
  const copyAt = SLOT_BYTES - LABEL_BYTES - headBytes
  if (copyAt >= end) slot.write(head + label, copyAt)
  return slot
}

const slot = Buffer.alloc(SLOT_BYTES)

export interface Slot {
  readonly generation: number
  readonly records: readonly RecentEntry[]
}

/** The inverse of {@link encodeSlot}; `undefined` when the head is damaged, wherever it stands, so that nothing is known of what was written. */
export function decodeSlot(bytes: Bytes | null): Slot | undefined {
  const found = toBytes(bytes)
  if (found?.length !== SLOT_BYTES) return undefined
  const known = readHead(found, 0, 'after') ?? readHead(found, SLOT_BYTES - LABEL_BYTES, 'before')
  if (!known) return undefined
  const { generation, head } = known
  let at = LABEL_BYTES + Buffer.byteLength(head)
  const fields = head.split('\0')
  const records: RecentEntry[] = []
  for (let field = 0; field + 2 < fields.length; field += 3) {
    const key = decodeKey(fields[field]!)
    const size = fields[field + 1]!
    const checksum = Number(fields[field + 2])
    let json: string | undefined
    if (size !== DELETED) {
      json = found.toString('utf8', at, (at += Number(size)))
      if (checksumOf(key, json) !== checksum) json = ''
    }
    records.push([key, { json, checksum }])
  }
  return { generation, records }
}

function readHead(found: Buffer, labelAt: number, side: 'before' | 'after') {
  const label = found.toString('latin1', labelAt, labelAt + LABEL_BYTES)
  const [generation, headBytes, checksum] = label.split(' ').map(Number)
  if (generation === undefined || headBytes === undefined) return undefined
  const from = side === 'after' ? labelAt + LABEL_BYTES : labelAt - headBytes
  const head = found.toString('utf8', from, from + headBytes)
  return headChecksum(generation, head) === checksum ? { generation, head } : undefined
}

function headChecksum(generation: number, head: string): number {
  return crc32(`${generation} ${head}`)
}

const DELETED = '-'
