/** Runs in a page, and sends its figure home. */
import { indexedDbStorage } from '../../dist/storage/indexeddb/index.js'
import { grouped, openBusline, recordCommits, runsPerSecond } from './orders.mjs'

const RUNS = 1000

async function busline() {
  const { run } = await openBusline(indexedDbStorage({ name: 'runs' }))
  return runsPerSecond(run)
}

/** 50 commits in a transaction, as durable as Busline's. */
async function byHand() {
  const groups = grouped(await recordCommits(RUNS)).map((operations) =>
    operations.map(({ json, ...each }) => ({ ...each, ...(json ? { value: JSON.parse(json) } : {}) })),
  )
  const database = await new Promise((resolve, reject) => {
    const opening = indexedDB.open('by-hand', 1)
    opening.onupgradeneeded = () => opening.result.createObjectStore('records', { keyPath: 'key' })
    opening.onsuccess = () => resolve(opening.result)
    opening.onerror = () => reject(opening.error)
  })
  const startedAt = performance.now()
  for (const operations of groups) {
    await new Promise((resolve, reject) => {
      const transaction = database.transaction('records', 'readwrite', { durability: 'strict' })
      const store = transaction.objectStore('records')
      for (const { type, key, value, prefix } of operations) {
        if (type === 'put') store.put({ key, value })
        else if (type === 'delete') store.delete(key)
        else store.delete(IDBKeyRange.bound(prefix, `${prefix}\uffff`))
      }
      transaction.oncomplete = resolve
      transaction.onabort = () => reject(transaction.error)
    })
  }
  return (RUNS / (performance.now() - startedAt)) * 1000
}

const measure = location.search === '?by-hand' ? byHand : busline
measure()
  .then(
    (value) => ({ value }),
    (error) => ({ error: String(error) }),
  )
  .then((outcome) => fetch('/outcome', { method: 'POST', body: JSON.stringify(outcome) }))
