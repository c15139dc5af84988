import 'fake-indexeddb/auto'
import { describe, expect, it } from 'vitest'
import {
  MemoryTimelineStore,
  type StepContext,
  TimelinePlayer,
  type TimelineStore,
  WorkflowRuntime,
  pause,
} from 'busline'
import { openRuntime } from './open-runtime.js'

const pipeline = {
  id: 'main',
  initialState: { n: 0, card: { number: '4111' } },
  stages: [
    {
      id: 'count',
      steps: {
        add: {
          retry: 1,
          action: ({ attempt, logger, progress, state }: StepContext) => {
            logger.info('adding', { attempt })
            progress(0.5)
            if (attempt === 1) throw new Error('once')
            return { n: Number(state['n']) + 1 }
          },
        },
      },
    },
    { id: 'ask', router: () => pause({ timeout: '1h' }) },
    {
      id: 'fan',
      pipelines: [{ id: 'child', stages: [{ id: 'only', steps: { s: () => ({ ok: true }) } }] }],
    },
  ],
}
const workflow = { id: 'w', triggers: { t: { event: 'go' } }, pipelines: { main: pipeline } }

async function record(timelineStore: TimelineStore) {
  const opened = openRuntime({ timelineStore, redact: ['card.number'], timeline: { snapshotInterval: 5 } })
  await opened.runtime.register(workflow)
  opened.bus.publish('go', {})
  await opened.clock.advance('1h')
  const [info] = opened.runtime.listAllRuns()
  await opened.runtime.stop()
  return { ...opened, info: info! }
}

describe('a runtime with a timeline store', () => {
  it('records what a run did, in order and without gaps', async () => {
    const store = new MemoryTimelineStore()
    const { info } = await record(store)
    const events = await store.getEvents(info.runId)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1))
    expect(events.map(({ type }) => type)).toEqual([
      'pipeline:start',
      'stage:start',
      'step:start',
      'log:info',
      'step:progress',
      'step:retry',
      'step:start',
      'log:info',
      'step:progress',
      'step:success',
      'stage:success',
      'state:commit',
      'router:evaluated',
      'stage:start',
      'stage:success',
      'router:evaluated',
      'pipeline:pause',
      'pipeline:resume',
      'watch:timeout',
      'stage:start',
      'subpipeline:fork',
      'pipeline:start',
      'stage:start',
      'step:start',
      'step:success',
      'stage:success',
      'state:commit',
      'router:evaluated',
      'pipeline:success',
      'subpipeline:join',
      'stage:success',
      'state:commit',
      'router:evaluated',
      'pipeline:success',
    ])
    expect(await store.getRunMeta(info.runId)).toMatchObject({
      status: 'complete',
      workflowId: 'w',
      metadata: { triggerId: 't', eventType: 'go' },
    })
  })

  it('lets a player see the state as it was, without what is redacted', async () => {
    const store = new MemoryTimelineStore()
    const { info } = await record(store)
    const player = new TimelinePlayer(store, info.runId)
    const states: unknown[] = []
    for await (const _event of player) states.push(player.state)
    const hidden = { number: '[redacted]' }
    expect(states[0]).toEqual({ n: 0, card: hidden })
    expect(states.at(-1)).toEqual({ n: 1, card: hidden, child: { ok: true } })
    expect(JSON.stringify(await store.getEvents(info.runId))).not.toContain('4111')
  })

  it('keeps it in IndexedDB when told so', async () => {
    const store = await WorkflowRuntime.createTestTimelineStore('runtime-timeline')
    const { info } = await record(store)
    const { runs } = await store.listRuns({ workflowId: 'w' })
    expect(runs).toMatchObject([{ runId: info.runId, status: 'complete' }])
    expect((await store.getEvents(info.runId)).at(-1)?.type).toBe('pipeline:success')
  })

  it('keeps it in the database "busline-test" when no other is named', async () => {
    const store = await WorkflowRuntime.createTestTimelineStore()
    const { info } = await record(store)
    expect((await indexedDB.databases()).map(({ name }) => name)).toContain('busline-test')
    const again = await WorkflowRuntime.createTestTimelineStore('busline-test')
    expect(await again.getRunMeta(info.runId)).toMatchObject({ status: 'complete' })
  })

  it('is not harmed by a store that fails: the run ends, and the loss is reported', async () => {
    const broken = new MemoryTimelineStore()
    broken.append = () => Promise.reject(new Error('disk full'))
    const opened = openRuntime({ timelineStore: broken })
    const reported: string[] = []
    opened.bus.subscribe('bus:error', ({ payload }) => reported.push(payload.what!))
    await opened.runtime.register({ ...workflow, pipelines: { main: { id: 'p', stages: [{ id: 'a' }] } } })
    expect(await opened.runtime.invoke('w', 't')).toMatchObject({ ok: true })
    const stopped = opened.runtime.stop()
    await opened.clock.advance('1m')
    await stopped
    expect(reported).toContain('Recording')
  })
})
