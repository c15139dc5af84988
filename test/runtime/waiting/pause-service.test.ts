import { describe, expect, it } from 'vitest'
import type { PauseService, WatchDescriptor } from 'busline'
import { ScriptedRun, openStand } from './scripted-run.js'

const onA: WatchDescriptor = { event: 'a' }

describe('__pause_service__', () => {
  it('registers a watch and resolves to its id; the same watch again has the same', async () => {
    const run = await ScriptedRun.start(openStand())
    const id = await run.register(onA)
    expect(await run.register({ ...onA })).toBe(id)
    expect(await run.register({ event: 'b' })).not.toBe(id)
    await run.publish('a', 1)
    await run.pause()
    expect(run.lastResume).toBe(1)
    // Asked for anew in another visit of the stage: still the same.
    expect(await run.register(onA)).toBe(id)
  })

  it('cancels a watch with what was kept for it, and says whether there was one', async () => {
    const run = await ScriptedRun.start(openStand())
    const id = await run.register(onA)
    await run.publish('a', 1)
    expect([await run.cancel(id), await run.cancel(id)]).toEqual([true, false])
    expect(run.stand.bus.hasSubscribers('a')).toBe(false)
    await run.register(onA)
    await run.pause()
    expect(run.status).toBe('paused')
    await run.publish('a', 2)
    expect(run.lastResume).toBe(2)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no type', {}],
    ['a function', { event: 'a', conditions: [{ field: 'x', op: '==', value: () => 1 }] }],
    ['a bigint', { event: 'a', conditions: [{ field: 'x', op: '==', value: 1n }] }],
    ['a misspelt field', { event: 'a', where: {} }],
  ])('rejects %s with VALIDATION and watches nothing', async (_what, descriptor) => {
    const run = await ScriptedRun.start(openStand())
    await expect(run.register(descriptor as never)).rejects.toMatchObject({ code: 'VALIDATION' })
    expect(run.stand.bus.hasSubscribers('a')).toBe(false)
  })

  it('keeps a copy of the descriptor', async () => {
    const run = await ScriptedRun.start(openStand())
    const condition = { field: 'x', op: '==' as const, value: 1 }
    await run.register({ event: 'a', conditions: [condition] })
    condition.value = 2
    await run.pause()
    await run.publish('a', { x: 1 })
    expect(run.lastResume).toEqual({ x: 1 })
  })

  it('rejects with INVALID_COMMAND for a step that was given up with its run, and leaves nothing behind', async () => {
    const run = await ScriptedRun.start(openStand())
    const service = await run.use((deps) => deps.require<PauseService>('__pause_service__'))
    await run.stand.runtime.abort(run.runId)
    await expect(service.register(onA)).rejects.toMatchObject({ code: 'INVALID_COMMAND' })
    expect(await service.cancel('anything')).toBe(false)
    expect(run.stand.bus.hasSubscribers('a')).toBe(false)
  })
})
