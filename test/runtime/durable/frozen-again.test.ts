import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type AnyPipeline, type StepContext, type WorkflowRuntime, pause } from 'busline'
import { sqliteStorage } from '../../../src/storage/sqlite/index.js'
import { openRuntime } from '../open-runtime.js'

function isFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Object.isFrozen(value) && Object.values(value).every(isFrozen)
}

const seen: boolean[] = []
const look = ({ state, event, resume }: StepContext) => {
  const answer = resume?.kind === 'event' ? resume.event : undefined
  seen.push(isFrozen(state), isFrozen(event), answer !== undefined && isFrozen(answer))
}
const child: AnyPipeline = {
  id: 'child',
  initialState: { parts: [{ n: 1 }] },
  stages: [
    { id: 'sleep', router: () => pause({ until: { event: 'go' }, timeout: Infinity }) },
    { id: 'look', steps: { look } },
  ],
}
const main: AnyPipeline = {
  id: 'main',
  initialState: { lines: [{ sku: 'tea' }] },
  stages: [
    { id: 'ask', watch: { event: 'go' }, router: () => pause({ timeout: Infinity }) },
    { id: 'look', steps: { look } },
    { id: 'fork', pipelines: [child] },
  ],
}
const workflow = {
  id: 'orders',
  triggers: { placed: { event: 'order:placed' } },
  pipelines: { main },
}

it('a run that was read from a store sees everything frozen, as it did before', async () => {
  seen.length = 0
  const folder = mkdtempSync(join(tmpdir(), 'busline-frozen-'))
  const storage = sqliteStorage({ file: join(folder, 'runs.db') })
  const untilPaused = async (life: { runtime: WorkflowRuntime }) => {
    await expect.poll(() => life.runtime.listAllRuns().map(({ status }) => status)).toEqual(['paused'])
    await life.runtime.stop()
  }
  let next = 0
  const open = async () => {
    const life = openRuntime({ storage, ids: () => `id-${++next}` })
    await life.runtime.register(workflow)
    return life
  }
  try {
    const one = await open()
    await one.runtime.submit('order:placed', { customer: { name: 'Ada' } })
    await untilPaused(one)

    const two = await open()
    const [run] = two.runtime.listAllRuns()
    expect(isFrozen(run!.state) && isFrozen(run!.event)).toBe(true)
    await two.runtime.submit('go', { by: { name: 'Bob' } })
    await untilPaused(two)

    const three = await open()
    const exported = await three.runtime.exportRun(run!.runId)
    if (!exported.ok) throw exported.error
    const elsewhere = openRuntime()
    await elsewhere.runtime.register(workflow)
    await elsewhere.runtime.importRun(JSON.parse(JSON.stringify(exported.value)) as typeof exported.value)
    elsewhere.bus.publish('go', { by: { name: 'Eve' } })
    await expect.poll(() => elsewhere.runtime.watch('orders', run!.runId)?.status).toBe('succeeded')
    expect(seen).toEqual([true, true, true, true, true, true])
    await Promise.all([three.runtime.stop(), elsewhere.runtime.stop()])
  } finally {
    await storage.close()
    rmSync(folder, { recursive: true })
  }
})
