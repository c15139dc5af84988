import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type RunCheckpoint,
  type StorageDriver,
  type StorageRecord,
  type WorkflowDefinition,
  WorkflowRuntime,
  createEventBus,
  memoryStorage,
} from 'busline'
import { faultInjecting, simulatedClock } from '../../../src/testing/index.js'
import { quietLogger } from '../open-runtime.js'
import { goldenWorkflows } from './golden-workflows.js'
// Loaded on demand by the runtime; here beforehand, because no simulated clock waits for a file.
import '../../../src/runtime/runtime-engine.js'
import '../../../src/runtime/validate-workflow.js'
import '../../../src/runtime/durable/open-durability.js'

const folder = new URL('../fixtures/checkpoints/', import.meta.url)
const releases = readdirSync(folder)

async function storeOf(release: string): Promise<StorageDriver> {
  const store = memoryStorage()
  const records = JSON.parse(readFileSync(new URL(release, folder), 'utf8')) as StorageRecord[]
  await store.commit(records.map((record) => ({ type: 'put', ...record })))
  return store
}

function open(store: StorageDriver) {
  const clock = simulatedClock(Date.UTC(2026, 0, 1, 1))
  const driver = faultInjecting(store, { isDurable: true })
  const commits: unknown[] = []
  const storage: StorageDriver = {
    ...driver,
    isDurable: true,
    get: (key) => driver.get(key),
    scan: (options) => driver.scan(options),
    commit: (operations) => {
      commits.push(operations)
      return driver.commit(operations)
    },
  }
  const bus = createEventBus({ clock, onError: () => {} })
  const runtime = new WorkflowRuntime({ bus, clock, storage, logger: quietLogger })
  return { bus, clock, runtime, commits }
}

async function check(runtime: WorkflowRuntime, options?: Parameters<WorkflowRuntime['checkMigrations']>[0]) {
  const answer = await runtime.checkMigrations(options)
  if (!answer.ok) throw answer.error
  return answer.value
}

const versionTwo = (change: (checkpoint: RunCheckpoint) => RunCheckpoint): readonly WorkflowDefinition[] =>
  goldenWorkflows.map((each) => ({ ...each, version: '2', migrate: change }))

describe('WorkflowRuntime.checkMigrations()', () => {
  it.each(releases)('finds nothing to stop the runs of release %s', async (release) => {
    const { runtime } = open(await storeOf(release))
    expect(await check(runtime, { workflows: goldenWorkflows })).toEqual({ checked: 4, stuck: [] })
    await runtime.stop()
  })

  it('says who cannot move, from where, to where, and why', async () => {
    const { runtime } = open(await storeOf(releases[0]!))
    const workflows = goldenWorkflows.map((each) => ({ ...each, version: '2' }))
    const { checked, stuck } = await check(runtime, { workflows })
    expect(checked).toBe(4)
    expect(stuck).toHaveLength(4)
    expect(stuck[0]).toMatchObject({
      runId: expect.any(String) as string,
      workflowId: 'cut-off',
      from: '1',
      to: '2',
      error: { code: 'VERSION_MISMATCH' },
    })
    await runtime.stop()
  })

  it('tells a migrate() that throws, and one that leads to a stage that is not there', async () => {
    const { runtime } = open(await storeOf(releases[0]!))
    const workflows = versionTwo((checkpoint) => {
      const { workflowId, root } = checkpoint
      if (workflowId === 'saga') throw new Error('No way')
      if (workflowId === 'waiting') return { ...checkpoint, root: { ...root, next: 'nowhere' } }
      if (workflowId === 'forked') return { ...checkpoint, triggerId: 'gone' }
      return checkpoint
    })
    const { stuck } = await check(runtime, { workflows })
    expect(stuck.map(({ workflowId, error }) => [workflowId, error.code])).toEqual([
      ['forked', 'NOT_FOUND'],
      ['saga', 'VERSION_MISMATCH'],
      ['waiting', 'NOT_FOUND'],
    ])
    expect(stuck[1]!.error).toMatchObject({ message: expect.stringContaining('No way') as string })
    await runtime.stop()
  })

  it('names runs whose workflow is not there, and records that cannot be read', async () => {
    const store = await storeOf(releases[0]!)
    const [run] = await store.scan({ prefix: 'run/saga/' })
    await store.commit([{ type: 'put', key: run!.key, value: { ...(run!.value as object), layout: 99 } }])
    const { runtime } = open(store)
    const { stuck } = await check(runtime, { workflows: goldenWorkflows.filter(({ id }) => id !== 'forked') })
    expect(stuck.map(({ workflowId, error }) => [workflowId, error.code])).toEqual([
      ['forked', 'NOT_FOUND'],
      ['saga', 'VERSION_MISMATCH'],
    ])
    await runtime.stop()
  })

  it('goes a page at a time', async () => {
    const { runtime } = open(await storeOf(releases[0]!))
    const found: string[] = []
    let cursor: string | undefined
    let pages = 0
    do {
      const page = await check(runtime, { limit: 3, ...(cursor === undefined ? {} : { cursor }) })
      found.push(...page.stuck.map(({ workflowId }) => workflowId))
      cursor = page.cursor
      pages++
    } while (cursor !== undefined)
    expect(pages).toBe(2)
    expect(found).toEqual(['cut-off', 'forked', 'saga', 'waiting'])
    await runtime.stop()
  })

  it.each(['', 'saga', 'run/', 'run/saga', 'timeline/run/1', 'run/saga/1/2', 5 as never])(
    'refuses the cursor %j, which is that of no report',
    async (cursor) => {
      const { runtime } = open(await storeOf(releases[0]!))
      expect(await runtime.checkMigrations({ cursor })).toMatchObject({
        ok: false,
        error: { code: 'VALIDATION', message: expect.stringContaining('"cursor"') as string },
      })
      await runtime.stop()
    },
  )

  it('writes nothing, and sets no timer', async () => {
    const store = await storeOf(releases[0]!)
    const before = await store.scan({ prefix: '' })
    const { runtime, clock, commits } = open(store)
    await check(runtime, { workflows: versionTwo((checkpoint) => checkpoint) })
    expect(commits).toEqual([])
    expect(clock.pendingTimers).toBe(0)
    expect(await store.scan({ prefix: '' })).toEqual(before)
    await runtime.stop()
  })

  it('refuses a workflow that is malformed', async () => {
    const { runtime } = open(await storeOf(releases[0]!))
    const answer = await runtime.checkMigrations({ workflows: [{ ...goldenWorkflows[0]!, pipelines: {} }] })
    expect(answer).toMatchObject({ ok: false, error: { code: 'VALIDATION' } })
    await runtime.stop()
  })
})

describe('a store that an earlier release wrote', () => {
  it.each(releases)('has its runs come to their ends: %s', async (release) => {
    const { runtime, bus, clock } = open(await storeOf(release))
    for (const workflow of goldenWorkflows) {
      const registered = runtime.register(workflow)
      await clock.settle()
      await registered
    }
    await clock.advance('1s')
    expect(runtime.listAllRuns().filter(({ status }) => status === 'paused')).toHaveLength(3)
    bus.publish('answered', { order: 7 })
    await clock.advance('1s')
    const sleeping = runtime.listAllRuns().filter(({ status }) => status === 'paused')
    await Promise.all(
      sleeping.map(async ({ runId }) => {
        const resumed = runtime.resume(runId)
        await clock.settle()
        return resumed
      }),
    )
    const ends = Object.fromEntries(runtime.listAllRuns().map((run) => [run.workflowId, run]))
    expect(ends).toMatchObject({
      waiting: { status: 'succeeded', state: { asked: true, done: true, answer: { kind: 'event' } } },
      forked: { status: 'succeeded', state: { done: true, leg: [{ there: true }, { there: true }] } },
      'cut-off': { status: 'succeeded', state: { first: true, second: 2 } },
      saga: { status: 'failed', state: { booked: false } },
    })
    await runtime.stop()
  })
})
