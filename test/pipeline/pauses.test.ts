import { describe, expect, it } from 'vitest'
import type { BusEvent } from '../../src/core/bus-event.js'
import { SystemError } from '../../src/core/system-error.js'
import { type PauseOptions, pause } from '../../src/pipeline/instruction.js'
import type { StepContext } from '../../src/pipeline/step-context.js'
import { drive } from './hand-driven.js'

const approval: BusEvent = {
  id: 'e2',
  type: 'order:approved',
  payload: { by: { name: 'Ada' } },
  timestamp: 1,
}

const waiting = (options: PauseOptions<'later'> = {}, overrides = {}) =>
  drive(
    {
      id: 'p',
      initialState: { n: 0 },
      stages: [
        { id: 'ask', router: () => pause(options) },
        {
          id: 'next',
          steps: { read: ({ resume }: StepContext) => ({ saw: resume?.kind }) },
        },
        { id: 'later', steps: { mark: () => ({ later: true }) } },
      ],
    },
    overrides,
  )

describe('a paused run', () => {
  it('goes on at the next stage, which sees what ended the wait; the paused stage is not run again', async () => {
    const { run, finish } = waiting({ timeout: Infinity })
    await finish()
    expect(run.status).toBe('paused')
    run.resume({ kind: 'event', event: approval })
    await finish()
    expect(run.state).toEqual({ n: 0, saw: 'event', later: true })
  })

  it('goes on at resumeAt when the pause names it', async () => {
    const { run, finish } = waiting({ timeout: Infinity, resumeAt: 'later' })
    await finish()
    run.resume({ kind: 'manual' })
    await finish()
    expect(run.state).toEqual({ n: 0, later: true })
  })

  it('merges the patch of a manual resume before the next stage', async () => {
    const { run, finish } = waiting()
    await finish()
    run.resume({ kind: 'manual', patch: { n: 7 } })
    expect(run.state).toEqual({ n: 7 })
    await finish()
    expect(run.status).toBe('succeeded')
  })

  it('writes what assign names, and the whole cause under into', async () => {
    const { run, finish } = waiting({
      until: { event: 'order:approved', assign: { 'by.name': 'approval.by', 'by.missing': 'never' } },
      timeout: '7d',
      into: 'answer',
    })
    await finish()
    run.resume({ kind: 'event', event: approval })
    expect(run.state).toEqual({
      n: 0,
      approval: { by: 'Ada' },
      answer: { kind: 'event', event: approval },
    })
  })

  it('goes on by itself when its time is up, exactly then', async () => {
    let woken = 0
    const { run, finish, clock } = waiting({ timeout: '30d' }, { wake: () => void woken++ })
    await finish()
    await clock.advance('29d')
    expect(run.status).toBe('paused')
    await clock.advance('1d')
    expect([run.status, woken]).toEqual(['running', 1])
    await finish()
    expect(run.state).toMatchObject({ saw: 'timeout' })
    expect(clock.pendingTimers).toBe(0)
  })

  it('is resumed once: whoever comes second is told so', async () => {
    const { run, finish, clock } = waiting({ timeout: '1s' })
    await finish()
    run.resume({ kind: 'manual' })
    expect(() => run.resume({ kind: 'manual' })).toThrow(expect.objectContaining({ code: 'INVALID_COMMAND' }))
    await clock.advance('1s')
    await finish()
    expect(run.state).toMatchObject({ saw: 'manual' })
    expect(() => run.resume({ kind: 'manual' })).toThrow('it is succeeded'.slice(6))
  })

  it('stays paused when the patch is no plain data', async () => {
    const { run, finish } = waiting()
    await finish()
    expect(() => run.resume({ kind: 'manual', patch: { f: () => 1 } })).toThrow(
      expect.objectContaining({ code: 'VALIDATION' }),
    )
    expect(run.status).toBe('paused')
  })

  it('ends at once when it is interrupted', async () => {
    const { run, finish, clock } = waiting({ timeout: '1h' })
    await finish()
    run.interrupt(new SystemError('ABORTED', 'Stop'))
    await finish()
    expect(run.status).toBe('aborted')
    expect(clock.pendingTimers).toBe(0)
  })

  it('begins to wait before the commit that says so, and stops before it goes on', async () => {
    const trace: string[] = []
    const { run, finish } = waiting(
      { timeout: Infinity },
      {
        waiting: () => trace.push('waiting'),
        waited: () => trace.push('waited'),
        commit: () => void trace.push('commit'),
      },
    )
    await finish()
    run.resume({ kind: 'manual' })
    await finish()
    expect(trace).toEqual(['waiting', 'commit', 'waited', 'commit', 'commit'])
  })
})

describe('a signal', () => {
  it('lands between stages, never inside one, and in order', async () => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const seen: unknown[] = []
    const { run, finish, clock } = drive({
      id: 'p',
      initialState: { n: 0 },
      stages: [
        {
          id: 'a',
          steps: {
            s: async (ctx: StepContext) => {
              await gate
              seen.push(ctx.state)
              return { a: 1 }
            },
          },
          router: ({ state }: { state: unknown }) => {
            seen.push(state)
            return 'b'
          },
        },
        { id: 'b' },
      ],
    })
    const ended = finish()
    await clock.settle()
    const landed = [run.signal({ n: 1 }), run.signal({ n: 2, m: 3 })]
    expect(run.state).toEqual({ n: 0 })
    release()
    await ended
    await Promise.all(landed)
    expect(seen).toEqual([{ n: 0 }, { n: 2, m: 3, a: 1 }])
    expect(run.state).toEqual({ n: 2, m: 3, a: 1 })
  })

  it('lands at once while the run is paused', async () => {
    const { run, finish } = waiting()
    await finish()
    await run.signal({ n: 9 })
    expect(run.state).toEqual({ n: 9 })
    expect(run.status).toBe('paused')
  })

  it('is refused when the run has ended, or ends before it could land', async () => {
    const { run, finish } = waiting()
    await finish()
    run.resume({ kind: 'manual' })
    await finish()
    await expect(run.signal({ n: 1 })).rejects.toMatchObject({ code: 'INVALID_COMMAND' })
    await expect(run.signal({ n: 1n })).rejects.toMatchObject({ code: 'VALIDATION' })
  })
})

describe('a restored wait', () => {
  const restoreAfter = async (onRestore: 'deadline' | 'remaining' | 'restart' | undefined) => {
    const first = waiting({ timeout: '10h', ...(onRestore ? { onRestore } : {}) })
    await first.finish()
    const checkpoint = first.checkpoints.at(-1)!
    const lastAliveAt = first.clock.now() + 4 * 3_600_000
    first.run.abandon(new SystemError('UNAVAILABLE', 'Gone'))
    await first.clock.advance('8h')
    const second = first.restore(checkpoint, lastAliveAt)
    const started = second.clock.now()
    while (second.run.status === 'paused') await second.clock.advance('30m')
    return (second.clock.now() - started) / 3_600_000
  }

  it.each([
    [undefined, 2],
    ['deadline' as const, 2],
    ['remaining' as const, 6],
    ['restart' as const, 10],
  ])('with onRestore %s ends when it says', async (onRestore, hours) => {
    expect(await restoreAfter(onRestore)).toBe(hours)
  })
})
