/** `node indexeddb.mjs [by-hand]`: Busline on the IndexedDB of Chromium, or what it writes, written by hand. */
import { fileURLToPath } from 'node:url'
import { findChromium } from '../../../test/browser/find-chromium.ts'
import { runInChromium } from '../../../test/storage/chromium.ts'
import { report } from '../stopwatch.mjs'

const chromium = findChromium()
if (!chromium) throw new Error('There is no Chromium here: apt-get install chromium')
const page = fileURLToPath(new URL('indexeddb-page.mjs', import.meta.url))
const { value, error } = await runInChromium(page, chromium, `?${process.argv[2] ?? ''}`)
if (error) throw new Error(error)
report(value)
