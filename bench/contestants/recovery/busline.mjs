/** All runs wait again: as `register` does it, in a runtime that has loaded what it is made of and opened its store. */
import { sqliteStorage } from '../../dist/storage/sqlite/index.js'
import { report } from '../stopwatch.mjs'
import { openRuntime, parkedRuns, registerOrders } from './parked.mjs'

const { file, count, remove } = parkedRuns()
const storage = sqliteStorage({ file })
const runtime = await openRuntime(storage)
const startedAt = performance.now()
await registerOrders(runtime)
report(performance.now() - startedAt)
const waiting = runtime.listAllRuns().filter(({ status }) => status === 'paused')
if (waiting.length !== count) throw new Error(`${waiting.length} runs wait`)
await runtime.stop()
await storage.close()
remove()
