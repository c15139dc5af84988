import { isSystemError, type SystemError } from '../../core/system-error.js'
import type { KeyRange } from '../key-range.js'
import type { StorageRecord } from '../storage-driver.js'
import type { RecentRecords } from './recent-records.js'
import type { OnDamaged, RecordTable } from './record-table.js'

/** The first records of a range, or the last: those of the table, except where what is recent stands over them. */
export function scanBoth(
  recent: RecentRecords,
  table: RecordTable,
  range: KeyRange,
  limit: number,
  isReverse: boolean,
  onDamaged: OnDamaged,
): StorageRecord[] {
  const keys = recent.keysWithin(range)
  if (keys.length === 0) return table.scan(range, limit, isReverse, onDamaged)

  const tell = (error: SystemError): void => {
    if (!onDamaged) throw error
    onDamaged(error)
  }
  // As many more as may be hidden.
  const stored = table.scan(range, limit + keys.length, isReverse, (error) => {
    const { key } = error.context
    if (typeof key !== 'string' || !recent.has(key)) tell(error)
  })
  const records = stored.filter(({ key }) => !recent.has(key))
  for (const key of keys) {
    if (recent.isDeleted(key)) continue
    try {
      records.push({ key, value: recent.get(key) })
    } catch (error) {
      if (!isSystemError(error)) throw error
      tell(error)
    }
  }
  records.sort((one, other) => (one.key < other.key ? -1 : 1))
  if (isReverse) records.reverse()
  return records.slice(0, limit)
}
