import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { WorkflowRuntime, createEventBus } from 'busline'
import { openSqliteDatabase } from '../../../src/storage/sqlite/sqlite-database.js'
import { sqliteStorage } from '../../../src/storage/sqlite/index.js'
import type { StorageDriver } from '../../../src/storage/storage-driver.js'
import { findChromium } from '../../browser/find-chromium.js'
import { openBrowser } from '../../browser/open-browser.js'
import { servePage } from '../../storage/chromium.js'
import { quietLogger } from '../open-runtime.js'
import { growingOrders, type Report } from './disk-workflow.js'
import { until } from './kill-rounds.js'

const leftovers: (() => unknown)[] = []
afterEach(async () => {
  for (const undo of leftovers.splice(0).reverse()) await undo()
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'busline-disk-'))
  leftovers.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A file system of its own of a few megabytes; `undefined` where this process may not mount one. */
function smallDisk(): { readonly folder: string; readonly remount: (mode: 'ro' | 'rw') => void } | undefined {
  const folder = join(newFolder(), 'disk')
  mkdirSync(folder)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder]).status !== 0) return undefined
  leftovers.push(() => execFileSync('umount', ['-l', folder]))
  return { folder, remount: (mode) => void execFileSync('mount', ['-o', `remount,${mode}`, folder]) }
}

const canMount = smallDisk() !== undefined
if (!canMount)
  console.warn('NOT TESTED: a file system that is full or read-only. Run as root, who may mount one')

/** Writes until nothing more fits. */
function fill(folder: string): () => void {
  const file = join(folder, 'ballast')
  const descriptor = openSync(file, 'w')
  for (let size = 65_536; size >= 1;) {
    try {
      writeSync(descriptor, Buffer.alloc(size))
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' })
      size >>= 1
    }
  }
  closeSync(descriptor)
  return () => rmSync(file)
}

async function open(storage: StorageDriver) {
  const bus = createEventBus()
  const faults: Report['faults'][number][] = []
  const keys: unknown[] = []
  bus.subscribe('bus:error', ({ payload: { what = '', error } }) => {
    faults.push({ what, code: error.code ?? '', reason: String(error.context?.['reason']) })
    keys.push(error.context?.['key'])
  })
  const runtime = new WorkflowRuntime({ bus, storage, logger: quietLogger })
  const register = () => runtime.register(growingOrders((length) => 'x'.repeat(length)))
  const statuses = () => runtime.listAllRuns().map(({ status }) => status)
  /** Starts runs that wait. */
  const order = async (count: number) => {
    for (let index = 0; index < count; index++) await runtime.submit('order', {})
    await until(() => statuses().every((status) => status === 'paused'))
    return runtime.listAllRuns().map(({ runId }) => runId)
  }
  const close = async () => {
    await runtime.stop()
    await storage.close()
  }
  return { bus, runtime, faults, keys, register, statuses, order, close }
}

const isDone = (statuses: readonly string[]) => statuses.every((status) => status === 'succeeded')

interface FullStore {
  readonly storage: StorageDriver
  /** From now on nothing more fits, until what it returns is called. */
  readonly fill: () => () => void
}

const fullStores: Record<string, { readonly isHere: boolean; readonly create: () => Promise<FullStore> }> = {
  'a file system without space (ENOSPC)': {
    isHere: canMount,
    create: () => {
      const { folder } = smallDisk()!
      return Promise.resolve({
        storage: sqliteStorage({ file: join(folder, 'runs.db') }),
        fill: () => fill(folder),
      })
    },
  },
  'a file that may not grow (max_page_count)': {
    isHere: true,
    create: async () => {
      const database = await openSqliteDatabase(join(newFolder(), 'runs.db'))
      leftovers.push(() => database.close())
      return {
        storage: sqliteStorage({ database }),
        fill() {
          const { page_count } = database.prepare('PRAGMA page_count').get() as { page_count: number }
          database.exec(`PRAGMA max_page_count = ${page_count + 1}`)
          return () => database.exec('PRAGMA max_page_count = 1000000')
        },
      }
    },
  },
}

describe.each(Object.entries(fullStores))('runs on %s', (_name, { isHere, create }) => {
  it.skipIf(!isHere)(
    'wait, each is told of, and go on without a restart when there is space again',
    async () => {
      const { storage, fill: fillUp } = await create()
      const { bus, runtime, faults, register, statuses, order, close } = await open(storage)
      await register()
      const runIds = await order(5)
      const free = fillUp()
      bus.publish('go', { length: 150_000 })
      await until(() => new Set(faults.map(({ what }) => what)).size >= 5)
      for (const runId of runIds) {
        const own = faults.find(({ what }) => what === `Run ${runId}: storing it`)
        expect(own, runId).toMatchObject({ code: 'STORAGE', reason: 'full' })
      }
      expect(isDone(statuses())).toBe(false)
      // What is new waits, too: nothing is accepted that is not safe.
      let isAccepted = false
      const accepted = runtime.submit('order', { text: 'y'.repeat(200_000) }).then(() => (isAccepted = true))
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(isAccepted).toBe(false)
      free()
      await accepted
      await until(() => statuses().filter((status) => status === 'succeeded').length === 5)
      const ended = await storage.scan({ prefix: 'ended/' })
      expect(ended.map(({ key }) => key.split('/').at(-1)).sort()).toEqual([...runIds].sort())
      expect(
        ended.every(({ value }) => (value as { state: { text: string } }).state.text.length === 150_000),
      ).toBe(true)
      await close()
    },
  )
})

describe('runs on a read-only file system', () => {
  it.skipIf(!canMount)(
    'are refused with an error, and go on in the same process once it is writable',
    async () => {
      const { folder, remount } = smallDisk()!
      const elsewhere = join(newFolder(), 'runs.db')
      const first = await open(sqliteStorage({ file: elsewhere }))
      await first.register()
      const runIds = await first.order(3)
      await first.close()

      // Here nothing has it open, which would keep it writable.
      const file = join(folder, 'runs.db')
      copyFileSync(elsewhere, file)
      remount('ro')
      const { bus, runtime, register, statuses, close } = await open(sqliteStorage({ file }))
      await expect(register()).rejects.toMatchObject({
        code: 'STORAGE',
        context: { file, reason: expect.stringMatching(/^(read-only|unreachable)$/) as string },
      })
      remount('rw')
      await register()
      expect(
        runtime
          .listAllRuns()
          .map(({ runId }) => runId)
          .sort(),
      ).toEqual([...runIds].sort())
      bus.publish('go', { length: 10 })
      await until(() => isDone(statuses()))
      await close()
    },
  )
})

describe('runs on a database that another process has locked', () => {
  it('wait, each is told of, and go on when the lock is free', async () => {
    const file = join(newFolder(), 'runs.db')
    const { bus, faults, register, statuses, order, close } = await open(
      sqliteStorage({ file, busyTimeout: 100 }),
    )
    await register()
    const runIds = await order(5)
    const other = await openSqliteDatabase(file)
    other.exec('BEGIN EXCLUSIVE')
    bus.publish('go', { length: 10 })
    await until(() => new Set(faults.map(({ what }) => what)).size >= 5)
    for (const runId of runIds) {
      const own = faults.find(({ what }) => what === `Run ${runId}: storing it`)
      expect(own, runId).toMatchObject({ code: 'STORAGE', reason: 'busy' })
    }
    other.exec('ROLLBACK')
    other.close()
    await until(() => isDone(statuses()))
    await close()
  })
})

describe('a run whose row was changed on the disk', () => {
  it('is told of and left as it is; the others go on, and so does it once it is restored', async () => {
    const file = join(newFolder(), 'runs.db')
    const first = await open(sqliteStorage({ file }))
    await first.register()
    const runIds = await first.order(5)
    await first.close()
    copyFileSync(file, `${file}.backup`)

    // Inside the row of one run: what stands there still is JSON, and still is a run.
    const [damaged = ''] = runIds
    const key = `run/orders/${damaged}`
    const bytes = readFileSync(file)
    const row = await rowOf(`${file}.backup`, key)
    // Older copies of it stand in the file, too.
    let copies = 0
    for (let at = bytes.indexOf(row); at >= 0; at = bytes.indexOf(row, at + 1), copies++) {
      bytes[at + row.indexOf(damaged) + 3]! ^= 0x01
    }
    expect(copies).toBeGreaterThan(0)
    writeFileSync(file, bytes)

    const second = await open(sqliteStorage({ file }))
    await second.register()
    expect(second.faults).toMatchObject([{ code: 'STORAGE', reason: 'damaged' }])
    expect(second.keys).toEqual([key])
    expect(
      second.runtime
        .listAllRuns()
        .map(({ runId }) => runId)
        .sort(),
    ).toEqual(runIds.slice(1).sort())
    second.bus.publish('go', { length: 10 })
    await until(() => isDone(second.statuses()))
    await second.close()

    copyFileSync(`${file}.backup`, file)
    const third = await open(sqliteStorage({ file }))
    await third.register()
    expect(third.runtime.listAllRuns()).toHaveLength(5)
    expect(third.faults).toEqual([])
    await third.close()
  })
})

/** The JSON of a record, as it stands in the file. */
async function rowOf(file: string, key: string): Promise<string> {
  const database = await openSqliteDatabase(file)
  const { json } = database.prepare('SELECT json FROM busline_records WHERE key = ?').get(key) as {
    json: string
  }
  database.close()
  return json
}

const chromium = findChromium()
if (!chromium) console.warn('NOT TESTED: the quota of a browser. Install it: apt-get install chromium')

describe.skipIf(!chromium)('runs in a page whose quota is used up', () => {
  it('wait, each is told of, and go on when there is space again', async () => {
    const page = await servePage(fileURLToPath(new URL('disk-page.ts', import.meta.url)))
    const browser = await openBrowser(chromium!)
    leftovers.push(
      () => browser.close(),
      () => page.close(),
    )
    const tab = await browser.newPage()
    const session = await browser.context.newCDPSession(tab)
    const origin = new URL(page.url).origin
    const status = () => tab.evaluate(() => window.disk.status())
    const untilReport = async (isMet: (report: Report) => boolean) => {
      for (let round = 0; round < 600; round++) {
        const report = await status()
        if (isMet(report)) return report
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      throw new Error(`Waited too long: ${JSON.stringify(await status())}`)
    }

    await tab.goto(page.url)
    await tab.waitForFunction(() => 'disk' in window)
    await tab.evaluate(() => window.disk.start())
    for (let index = 0; index < 3; index++) await tab.evaluate(() => window.disk.publish('order', {}))
    await untilReport(({ runs }) => runs.length === 3 && runs.every((run) => run.status === 'paused'))

    const { usage } = (await session.send('Storage.getUsageAndQuota', { origin })) as { usage: number }
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 20_000 })
    await tab.evaluate(() => window.disk.fill())
    await tab.evaluate(() => window.disk.publish('go', { length: 50_000 }))
    const full = await untilReport(({ faults }) => new Set(faults.map(({ what }) => what)).size >= 3)
    for (const { runId } of full.runs) {
      const own = full.faults.find(({ what }) => what === `Run ${runId}: storing it`)
      expect(own, runId).toMatchObject({ code: 'STORAGE', reason: 'full' })
    }
    expect(full.runs.some((run) => run.status === 'succeeded')).toBe(false)

    await session.send('Storage.overrideQuotaForOrigin', { origin })
    const { runs } = await untilReport((report) => isDone(report.runs.map((run) => run.status)))
    expect(runs.every(({ bytes }) => bytes > 50_000)).toBe(true)
    expect(await tab.evaluate(() => window.disk.ended())).toHaveLength(3)
    expect(browser.takeErrors()).toEqual([])
  })
})
