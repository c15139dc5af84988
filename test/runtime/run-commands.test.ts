import { describe, expect, it } from 'vitest'
import { type SerializedError, pause } from 'busline'
import { openRuntime } from './open-runtime.js'

const waiting = {
  id: 'waiting',
  triggers: { asked: { event: 'asked' } },
  pipelines: { main: { id: 'main', stages: [{ id: 'wait', router: () => pause() }] } },
}

async function openPaused() {
  const opened = openRuntime()
  await opened.runtime.register(waiting)
  const { runId } = (await opened.runtime.invoke('waiting', 'asked', {})).metadata
  const faults: SerializedError[] = []
  opened.bus.subscribe('bus:error', ({ payload }) => {
    faults.push(payload.error)
  })
  return { ...opened, runId, faults }
}

describe('a command on the bus', () => {
  const noObject = 'its payload must be an object'
  const noRunId = '"runId" must be the id of a run'
  const noPatch = '"patch" must be an object'
  it.each([
    ['run:abort', null, noObject],
    ['run:abort', undefined, noObject],
    ['run:abort', 'r-1', noObject],
    ['run:abort', ['r-1'], noObject],
    ['run:abort', {}, noRunId],
    ['run:abort', { runId: 7 }, noRunId],
    ['run:abort', { runId: '' }, noRunId],
    ['run:signal', null, noObject],
    ['run:signal', { patch: {} }, noRunId],
  ])('%s with the payload %j is reported as VALIDATION that names the field', async (type, payload, says) => {
    const { bus, clock, runtime, faults, runId } = await openPaused()
    bus.publish(type, payload)
    await clock.settle()
    const form = type === 'run:abort' ? '{ runId, reason? }' : '{ runId, patch }'
    expect(faults).toMatchObject([{ code: 'VALIDATION', context: { type } }])
    expect(faults[0]!.message).toContain(`Cannot obey ${type}: ${says}`)
    expect(faults[0]!.message).toContain(form)
    expect(runtime.watch('waiting', runId)).toMatchObject({ status: 'paused' })
    await runtime.stop()
  })

  it.each([[undefined], [null], [5], ['a'], [['a']]])(
    'run:signal with the patch %j is reported as VALIDATION that names the field',
    async (patch) => {
      const { bus, clock, runtime, faults, runId } = await openPaused()
      bus.publish('run:signal', { runId, patch: patch as unknown as Record<string, unknown> })
      await clock.settle()
      expect(faults).toMatchObject([{ code: 'VALIDATION', context: { type: 'run:signal', runId } }])
      expect(faults[0]!.message).toContain(`Cannot obey run:signal: ${noPatch}`)
      expect(runtime.watch('waiting', runId)).toMatchObject({ status: 'paused', state: {} })
      await runtime.stop()
    },
  )

  it('run:abort with a reason that is no text is reported, and aborts nothing', async () => {
    const { bus, clock, runtime, faults, runId } = await openPaused()
    bus.publish('run:abort', { runId, reason: { by: 'me' } as unknown as string })
    await clock.settle()
    expect(faults).toMatchObject([{ code: 'VALIDATION' }])
    expect(faults[0]!.message).toContain('"reason" must be text')
    expect(runtime.watch('waiting', runId)).toMatchObject({ status: 'paused' })
    await runtime.stop()
  })
})

describe('resume() and signal() with a patch that is none', () => {
  it.each([[5], ['a'], [['a']], [() => ({})], [0], [''], [false]])(
    'refuse %s and change nothing',
    async (patch) => {
      const { runtime, runId } = await openPaused()
      const given = patch as unknown as Record<string, unknown>
      for (const verb of ['resume', 'signal'] as const) {
        const answer = await runtime[verb](runId, given)
        expect({ verb, answer }).toMatchObject({ answer: { ok: false, error: { code: 'VALIDATION' } } })
        expect(answer.ok ? '' : answer.error.message).toContain('give a partial object')
        expect(answer.ok ? '' : answer.error.message).not.toContain('recipe')
      }
      expect(runtime.watch('waiting', runId)).toMatchObject({ status: 'paused', state: {} })
      await runtime.stop()
    },
  )
})
