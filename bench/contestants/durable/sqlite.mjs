/** `node sqlite.mjs [NORMAL | encrypted | one]`: Busline on a SQLite file; `one` run after the other. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { derivedRunKeys, encryptedStorage } from '../../dist/storage/encryption/index.js'
import { sqliteStorage } from '../../dist/storage/sqlite/index.js'
import { report } from '../stopwatch.mjs'
import { openBusline, runsPerSecond } from './orders.mjs'
import { ENGINE } from './sqlite-engine.mjs'

const [variant] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'busline-bench-'))
const file = sqliteStorage({
  file: join(folder, 'runs.db'),
  engine: ENGINE,
  synchronous: variant === 'NORMAL' ? 'NORMAL' : 'FULL',
})
const keys = derivedRunKeys([{ id: 'bench', secret: crypto.getRandomValues(new Uint8Array(32)) }])
const storage = variant === 'encrypted' ? encryptedStorage(file, { keys }) : file
const { run, close } = await openBusline(storage)
// One after the other there are too few runs in the time to warm up: the compiler settles over many at once.
if (variant === 'one') await runsPerSecond(run, { measureMs: 0 })
report(await runsPerSecond(run, variant === 'one' ? { concurrency: 1 } : {}), ENGINE)
await close()
await storage.close()
rmSync(folder, { recursive: true })
