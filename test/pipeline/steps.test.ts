import { describe, expect, it } from 'vitest'
import { SystemError } from '../../src/core/system-error.js'
import type { AnyStep } from '../../src/pipeline/pipeline-definition.js'
import type { StepContext } from '../../src/pipeline/step-context.js'
import { drive } from './hand-driven.js'

const oneStep = (step: AnyStep, stage: object = {}, pipeline: object = {}) =>
  drive({ id: 'p', stages: [{ id: 's', steps: { work: step }, ...stage }], ...pipeline })

const never = () => new Promise<never>(() => {})

describe('a step that fails', () => {
  it('is tried again as often as retry says, under one idempotency key', async () => {
    const attempts: [number, string][] = []
    const { finish } = oneStep({
      retry: 4,
      action: ({ attempt, idempotencyKey }: StepContext) => {
        attempts.push([attempt, idempotencyKey])
        if (attempt < 5) throw new Error('again')
      },
    })
    const run = await finish()
    expect(run.status).toBe('succeeded')
    expect(attempts).toEqual([1, 2, 3, 4, 5].map((n) => [n, 'run-1/s.1/work']))
  })

  it('waits between attempts as its backoff says, on the clock', async () => {
    const at: number[] = []
    const { finish, clock, run } = oneStep({
      retry: { limit: 3, delay: '1s', maxDelay: '3s' },
      action: () => {
        at.push(clock.now())
        throw new Error('down')
      },
    })
    const ended = finish()
    await clock.advance('1h')
    await ended
    expect(at.map((time) => time - at[0]!)).toEqual([0, 1000, 3000, 6000])
    expect(run.error?.errors).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it.each([
    ['says retryable: false', Object.assign(new Error('no'), { retryable: false }), {}],
    ['is refused by when', new Error('no'), { when: () => false }],
    ['is a VALIDATION error', new SystemError('VALIDATION', 'no'), {}],
  ])('is not tried again when its error %s', async (_name, error, policy) => {
    let attempts = 0
    const run = await oneStep({
      retry: { limit: 5, ...policy },
      action: () => {
        attempts++
        throw error
      },
    }).finish()
    expect(run.status).toBe('failed')
    expect(attempts).toBe(1)
  })

  it('fails with the fault of its own policy when that throws', async () => {
    const run = await oneStep({
      retry: {
        limit: 1,
        when: () => {
          throw new Error('broken policy')
        },
      },
      action: () => {
        throw new Error('first')
      },
    }).finish()
    expect(run.error?.errors?.[0]?.message).toContain('broken policy')
  })

  it('parks the run for a person when onExhausted says so, and resume tries the stage again under the same key', async () => {
    const keys: string[] = []
    let isUp = false
    const { run, finish } = oneStep({
      retry: { limit: 1, onExhausted: 'pause' },
      action: ({ idempotencyKey, attempt }: StepContext) => {
        keys.push(`${idempotencyKey}#${attempt}`)
        if (!isUp) throw new Error('down')
        return { done: true }
      },
    })
    await finish()
    expect(run.status).toBe('paused')
    expect(run.wait).toMatchObject({ kind: 'exhausted', stageId: 's' })
    isUp = true
    run.resume({ kind: 'manual' })
    await finish()
    expect(run.status).toBe('succeeded')
    expect(keys).toEqual(['run-1/s.1/work#1', 'run-1/s.1/work#2', 'run-1/s.1/work#2'])
  })
})

describe('time', () => {
  it('runs out for an attempt that never settles; its signal fires and what it returns later is ignored', async () => {
    let signal: AbortSignal | undefined
    let late: (value: object) => void = () => {}
    const { run, finish, clock } = oneStep({
      timeout: '10s',
      action: (ctx: StepContext) => {
        signal = ctx.signal
        return new Promise((resolve) => (late = resolve))
      },
    })
    const ended = finish()
    await clock.advance('9999ms')
    expect(run.status).toBe('running')
    await clock.advance(1)
    await ended
    expect(run.error?.errors?.[0]?.code).toBe('TIMEOUT')
    expect(signal?.aborted).toBe(true)
    late({ too: 'late' })
    await clock.settle()
    expect(run.state).toEqual({})
  })

  it('counts per attempt', async () => {
    let attempts = 0
    const { finish, clock } = oneStep({
      timeout: '1s',
      retry: 1,
      action: () => (++attempts === 1 ? never() : { ok: true }),
    })
    const ended = finish()
    await clock.advance('1s')
    expect((await ended).state).toEqual({ ok: true })
  })

  it.each([
    ['stage', { timeout: '5s' }, {}],
    ['pipeline', {}, { timeout: '5s' }],
  ])('runs out for a whole %s with TIMEOUT at the top', async (name, stage, pipeline) => {
    const { finish, clock } = oneStep({ action: never, retry: 3 }, stage, pipeline)
    const ended = finish()
    await clock.advance('5s')
    const run = await ended
    expect(run.status).toBe('failed')
    expect(run.error?.code).toBe('TIMEOUT')
    expect(run.error?.message.toLowerCase()).toContain(name)
    expect(clock.pendingTimers).toBe(0)
  })

  it('runs out for a router that never answers', async () => {
    const { finish, clock } = drive({ id: 'p', stages: [{ id: 's', timeout: '5s', router: never }] })
    const ended = finish()
    await clock.advance('5s')
    expect((await ended).error?.code).toBe('TIMEOUT')
  })
})

describe('an interruption', () => {
  const aborted = new SystemError('ABORTED', 'Stop')

  it('ends a step that ignores its signal', async () => {
    const { run, finish, clock } = oneStep({ action: never })
    const ended = finish()
    await clock.settle()
    run.interrupt(aborted)
    await ended
    expect(run.status).toBe('aborted')
    expect(run.error).toBe(aborted)
  })

  it('cancels a retry that waits', async () => {
    const { run, finish, clock } = oneStep({
      retry: { limit: 9, delay: '1h' },
      action: () => {
        throw new Error('down')
      },
    })
    const ended = finish()
    await clock.settle()
    run.interrupt(aborted)
    await ended
    expect(clock.pendingTimers).toBe(0)
    expect(run.status).toBe('aborted')
  })

  it('during the commit of the last stage comes too late', async () => {
    const { run, finish } = drive(
      { id: 'p', stages: [{ id: 's' }] },
      { commit: () => run.interrupt(aborted) },
    )
    await finish()
    expect(run.status).toBe('succeeded')
  })

  it('during the commit of a stage leaves that stage committed and ends the run', async () => {
    const later: string[] = []
    const { run, finish } = drive(
      {
        id: 'p',
        stages: [
          { id: 'a', steps: { s: () => ({ a: 1 }) } },
          { id: 'b', steps: { s: () => void later.push('b') } },
        ],
      },
      { commit: () => run.interrupt(aborted) },
    )
    await finish()
    expect(run.status).toBe('aborted')
    expect(run.state).toEqual({ a: 1 })
    expect(later).toEqual([])
  })

  it('is decided by the first reason; later ones change nothing', async () => {
    const { run, finish, clock } = oneStep({ action: never })
    const ended = finish()
    await clock.settle()
    run.interrupt(aborted)
    run.interrupt(new SystemError('TIMEOUT', 'Also'))
    await ended
    run.interrupt(new SystemError('ABORTED', 'Again'))
    expect(run.error).toBe(aborted)
  })

  it('abandons without an end, leaving the last checkpoint as it was', async () => {
    const { run, finish, clock, checkpoints } = drive({
      id: 'p',
      stages: [
        { id: 'a', steps: { s: () => ({ a: 1 }) } },
        { id: 'b', steps: { s: never } },
      ],
    })
    const ended = finish()
    ended.catch(() => {})
    await clock.settle()
    run.abandon(new SystemError('UNAVAILABLE', 'Stopped'))
    await expect(ended).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(run.checkpoint()).toEqual(checkpoints.at(-1))
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('the context', () => {
  it('may be taken apart, tells where the step stands, and refuses to publish afterwards', async () => {
    let kept: StepContext['publish'] | undefined
    const { finish, records } = oneStep({
      action: ({ publish, progress, logger, path, stageId, stepId, pipelineId, workflowId }: StepContext) => {
        kept = publish
        progress(0.5, 'half')
        progress(Number.NaN)
        logger.info('hello', { n: 1 })
        return { where: [workflowId, pipelineId, stageId, stepId, path] }
      },
    })
    const run = await finish()
    expect(run.state).toEqual({ where: ['orders', 'p', 's', 'work', 's/work'] })
    expect(() => kept!('late', 1)).toThrow('this attempt of the step is over')
    const seen = records.filter(({ type }) => type === 'step:progress' || type === 'log:info')
    expect(seen.map(({ payload }) => payload)).toMatchObject([
      { fraction: 0.5, message: 'half' },
      { fraction: 0 },
      { message: 'hello', data: { n: 1 } },
    ])
  })

  it('writes a line without data alone: a console writes nothing behind it', async () => {
    const lines: unknown[][] = []
    const write = (...line: unknown[]) => void lines.push(line)
    const say = ({ logger }: StepContext) => (logger.info('alone'), logger.warn('with', null))
    await drive(
      { id: 'p', stages: [{ id: 's', steps: { say } }] },
      { logger: { debug: write, info: write, warn: write, error: write } },
    ).finish()
    expect(lines).toEqual([['alone'], ['with', null]])
  })

  it('is not harmed by a logger that throws', async () => {
    const broken = () => {
      throw new Error('disk full')
    }
    const run = await drive(
      { id: 'p', stages: [{ id: 's', steps: { a: ({ logger }: StepContext) => logger.warn('x') } }] },
      { logger: { debug: broken, info: broken, warn: broken, error: broken } },
    ).finish()
    expect(run.status).toBe('succeeded')
  })
})
