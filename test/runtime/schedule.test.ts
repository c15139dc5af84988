import { describe, expect, it } from 'vitest'
import { openRuntime } from './open-runtime.js'

const pipelines = {
  main: {
    id: 'p',
    stages: [
      {
        id: 's',
        steps: { note: ({ event }: { event: { payload: unknown } }) => ({ ...(event.payload as object) }) },
      },
    ],
  },
}
const nightly = (schedule: unknown) => ({ id: 'w', triggers: { nightly: { schedule } }, pipelines }) as never

describe('a schedule trigger', () => {
  it('starts a run at each instant of its pattern, in its time zone', async () => {
    const { runtime, clock } = openRuntime()
    clock.jump(Date.UTC(2026, 2, 27, 12))
    await runtime.register(nightly({ cron: '0 3 * * *', timeZone: 'Europe/Zurich' }))
    await clock.advance('3d')
    // Summer time begins in the night to the 29th.
    expect(
      runtime.listAllRuns().map(({ state }) => new Date(state['scheduledAt'] as number).toISOString()),
    ).toEqual(['2026-03-28T02:00:00.000Z', '2026-03-29T01:00:00.000Z', '2026-03-30T01:00:00.000Z'])
    await runtime.stop()
    expect(clock.pendingTimers).toBe(0)
  })

  it('overlaps as the mode says', async () => {
    const { runtime, clock } = openRuntime()
    const slow = { main: { id: 'p', stages: [{ id: 's', steps: { work: () => new Promise(() => {}) } }] } }
    await runtime.register({ ...(nightly('*/10 * * * *') as object), pipelines: slow } as never, {
      mode: { type: 'exclusive' },
    })
    await clock.advance('30m')
    expect(runtime.dispatches().counts).toMatchObject({ started: 1, rejected: 2 })
    await runtime.stop()
  })

  it('makes up for what passed while the machine slept by one run, for the last instant', async () => {
    const { runtime, clock } = openRuntime()
    const start = clock.now()
    await runtime.register(nightly('0 * * * *'))
    clock.jump(start + 5.5 * 3_600_000)
    await clock.advance(1)
    expect(runtime.listAllRuns()).toMatchObject([{ state: { scheduledAt: start + 5 * 3_600_000 } }])
    await clock.advance('1h')
    expect(runtime.listAllRuns()).toHaveLength(2)
    await runtime.stop()
  })

  it.each([['61 * * * *'], [{ cron: '0 3 * * *', timeZone: 'Nowhere/Land' }], [''], [42]])(
    'of %j is refused by register, which changes nothing',
    async (schedule) => {
      const { runtime, clock } = openRuntime()
      await expect(runtime.register(nightly(schedule))).rejects.toMatchObject({ code: 'VALIDATION' })
      expect(runtime.listWorkflows()).toEqual([])
      expect(clock.pendingTimers).toBe(0)
    },
  )
})
