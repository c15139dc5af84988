import { describe, expect, it } from 'vitest'
import { MemoryTimelineStore, type WorkflowRuntime, memoryStorage, pause } from 'busline'
import { openRuntime } from './open-runtime.js'

const waiting = {
  id: 'waiting',
  triggers: { asked: { event: 'asked' } },
  pipelines: { main: { id: 'main', stages: [{ id: 'wait', router: () => pause() }] } },
}

async function openStopped() {
  const timelineStore = new MemoryTimelineStore()
  const opened = openRuntime({ timelineStore })
  const { runtime } = opened
  await runtime.register(waiting)
  const { runId } = (await runtime.invoke('waiting', 'asked', {})).metadata
  const bundle = await openBundle()
  await runtime.stop()
  return { ...opened, runId, bundle, timelineStore }
}

async function openBundle() {
  const { runtime } = openRuntime()
  await runtime.register(waiting)
  const { runId } = (await runtime.invoke('waiting', 'asked', {})).metadata
  const exported = await runtime.exportRun(runId)
  await runtime.stop()
  if (!exported.ok) throw exported.error
  return exported.value
}

describe('after stop()', () => {
  it('every call that would do something says UNAVAILABLE', async () => {
    const { runtime, runId, bundle } = await openStopped()
    const answers = {
      invoke: await runtime.invoke('waiting', 'asked', {}),
      resume: await runtime.resume(runId),
      signal: await runtime.signal(runId, {}),
      abort: await runtime.abort(runId),
      fork: await runtime.fork(runId, { seq: 1 }),
      exportRun: await runtime.exportRun(runId),
      importRun: await runtime.importRun(bundle),
      submit: await runtime.submit('asked', {}),
      prune: await runtime.prune(),
      checkMigrations: await runtime.checkMigrations(),
    }
    for (const [call, answer] of Object.entries(answers)) {
      expect({ call, answer }).toMatchObject({ answer: { ok: false, error: { code: 'UNAVAILABLE' } } })
    }
    await expect(runtime.register(waiting)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(runtime.deregister('waiting')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(runtime.recover()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('they say so from the moment it was called', async () => {
    const { runtime, bus } = openRuntime()
    const begun: string[] = []
    const stages = [{ id: 'work', steps: { work: ({ runId }: { runId: string }) => void begun.push(runId) } }]
    await runtime.register({ ...waiting, pipelines: { main: { id: 'main', stages } } })
    const stopped = runtime.stop()
    const invoked = runtime.invoke('waiting', 'asked', {})
    bus.publish('asked', {})
    await stopped
    expect(await invoked).toMatchObject({ ok: false, error: { code: 'UNAVAILABLE' } })
    expect(begun).toEqual([])
  })

  it('says so of a runtime that never had a workflow, too', async () => {
    const { runtime } = openRuntime({ storage: memoryStorage() })
    await runtime.stop()
    await expect(runtime.recover()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(runtime.deregister('waiting')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await runtime.submit('asked', {})).toMatchObject({ error: { code: 'UNAVAILABLE' } })
  })

  it('no workflow is registered any more, and what became of the runs can still be looked at', async () => {
    const { runtime, bus, runId, timelineStore } = await openStopped()
    bus.publish('asked', {})
    bus.publish('run:abort', { runId })
    expect(runtime.hasWorkflow('waiting')).toBe(false)
    expect(runtime.listWorkflows()).toEqual([])
    expect(runtime.registry('waiting')).toBeUndefined()
    expect(runtime.watch('waiting', runId)).toMatchObject({ status: 'aborted' })
    expect(runtime.listAllRuns()).toMatchObject([{ runId, status: 'aborted' }])
    expect(runtime.dispatches()).toMatchObject({ receipts: [], active: [], queued: 0 })
    expect(await timelineStore.getRunMeta(runId)).toMatchObject({ status: 'aborted' })
  })
})

describe('stop() and deregister() with a timeout that is none', () => {
  it('are refused, and have changed nothing', async () => {
    const { runtime } = openRuntime()
    await runtime.register(waiting)
    const timeout = 'soon' as '1s'
    await expect(runtime.deregister('waiting', { drain: true, timeout })).rejects.toMatchObject({
      code: 'VALIDATION',
    })
    await expect(runtime.stop({ drain: true, timeout })).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(await runtime.invoke('waiting', 'asked', {})).toMatchObject({ value: { status: 'paused' } })
    await runtime.stop({ drain: true, timeout: 0 })
    expect(runtime.listAllRuns()).toMatchObject([{ status: 'aborted' }])
  })
})

describe('deregister() of a workflow that is leaving', () => {
  const ends = {
    stop: (runtime: WorkflowRuntime) => runtime.stop(),
    deregister: (runtime: WorkflowRuntime) => runtime.deregister('waiting'),
  }
  it.each(['stop', 'deregister'] as const)('is safe in onCleanup when %s() ends the run', async (call) => {
    const { runtime, bus } = openRuntime()
    const faults: unknown[] = []
    bus.subscribe('bus:error', (fault) => faults.push(fault))
    let cleaned: Promise<void> | undefined
    await runtime.register(waiting, { onCleanup: () => (cleaned = runtime.deregister('waiting')) })
    await runtime.invoke('waiting', 'asked', {})
    await ends[call](runtime)
    await cleaned
    expect(cleaned).toBeDefined()
    expect(faults).toEqual([])
    await expect(runtime.deregister('waiting')).rejects.toMatchObject({
      code: call === 'stop' ? 'UNAVAILABLE' : 'NOT_FOUND',
    })
    await runtime.stop()
  })
})
