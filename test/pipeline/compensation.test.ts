import { describe, expect, it } from 'vitest'
import { SystemError } from '../../src/core/system-error.js'
import type { AnyPipeline } from '../../src/pipeline/pipeline-definition.js'
import type { StepContext } from '../../src/pipeline/step-context.js'
import { drive } from './hand-driven.js'

const fails = () => {
  throw new Error('final fault')
}

/** A saga of steps `a`, `b`, …, each undone by a note in `undone`, and a stage that fails at the end. */
function saga(undone: string[], overrides: Partial<AnyPipeline> = {}): AnyPipeline {
  const step = (id: string) => ({
    id: `stage-${id}`,
    steps: {
      [id]: {
        action: () => ({ [id]: true }),
        compensate: ({ idempotencyKey, state }: StepContext) => {
          undone.push(idempotencyKey)
          return { [id]: !state[id] }
        },
      },
    },
  })
  return {
    id: 'p',
    compensate: true,
    stages: [step('a'), step('b'), { id: 'end', steps: { fails } }],
    ...overrides,
  }
}

describe('compensation', () => {
  it('undoes the committed steps newest first, each under a key of its own, and may change the state', async () => {
    const undone: string[] = []
    const run = await drive(saga(undone)).finish()
    expect(run.status).toBe('failed')
    expect(undone).toEqual(['run-1/stage-b.1/b/compensate', 'run-1/stage-a.1/a/compensate'])
    expect(run.state).toEqual({ a: false, b: false })
  })

  it('does not run unless the pipeline says so', async () => {
    const undone: string[] = []
    await drive(saga(undone, { compensate: false })).finish()
    expect(undone).toEqual([])
  })

  it('does not run for a run that succeeds', async () => {
    const undone: string[] = []
    const { stages } = saga(undone)
    const run = await drive({ id: 'p', compensate: true, stages: stages.slice(0, 2) }).finish()
    expect(run.status).toBe('succeeded')
    expect(undone).toEqual([])
  })

  it('runs for a run that is aborted, which stays aborted', async () => {
    const undone: string[] = []
    const { stages } = saga(undone)
    const hangs = { id: 'hang', steps: { s: () => new Promise<never>(() => {}) } }
    const { run, finish, clock } = drive({ id: 'p', compensate: true, stages: [stages[0]!, hangs] })
    const ended = finish()
    await clock.settle()
    run.interrupt(new SystemError('ABORTED', 'Stop'))
    await ended
    expect(run.status).toBe('aborted')
    expect(undone).toHaveLength(1)
  })

  it('goes on when one compensation fails, and reports it', async () => {
    const undone: string[] = []
    const definition = saga(undone)
    const broken = {
      id: 'broken',
      steps: { x: { action: () => ({}), compensate: () => Promise.reject(new Error('cannot undo')) } },
    }
    const run = await drive({
      ...definition,
      stages: [definition.stages[0]!, broken, ...definition.stages.slice(1)],
    }).finish()
    expect(undone).toHaveLength(2)
    expect(run.error?.code).toBe('EXECUTION_FAILED')
    expect(run.error?.errors?.at(-1)?.message).toContain('cannot undo')
    expect(run.error?.context['compensationFailed']).toBe(true)
  })

  it('ends also when a compensation never settles', async () => {
    const { run, finish, clock } = drive({
      id: 'p',
      compensate: true,
      stages: [
        { id: 'a', steps: { a: { action: () => ({}), compensate: () => new Promise<never>(() => {}) } } },
        { id: 'end', steps: { fails } },
      ],
    })
    const ended = finish()
    await clock.advance('60s')
    await ended
    expect(run.status).toBe('failed')
    expect(run.error?.errors?.at(-1)?.code).toBe('TIMEOUT')
  })

  it('undoes what children committed, also of a child that succeeded', async () => {
    const undone: string[] = []
    const { stages } = saga(undone)
    const inner: AnyPipeline = { id: 'inner', stages: stages.slice(0, 2) }
    const run = await drive({
      id: 'p',
      compensate: true,
      stages: [
        { id: 'fan', pipelines: [inner, { ...inner, id: 'inner2' }] },
        { id: 'end', steps: { fails } },
      ],
    }).finish()
    expect(run.status).toBe('failed')
    expect(undone).toEqual([
      'run-1/fan.1/1/stage-b.1/b/compensate',
      'run-1/fan.1/1/stage-a.1/a/compensate',
      'run-1/fan.1/0/stage-b.1/b/compensate',
      'run-1/fan.1/0/stage-a.1/a/compensate',
    ])
  })

  it('continues from a checkpoint in the middle of undoing, and undoes nothing twice that was committed', async () => {
    const undone: string[] = []
    const whole = drive(saga(undone))
    await whole.finish()
    const total = whole.checkpoints.length
    for (let crash = 0; crash < total; crash++) {
      undone.length = 0
      const first = drive(saga(undone))
      while (first.checkpoints.length <= crash) await first.run.advance()
      const second = first.restore(JSON.parse(JSON.stringify(first.checkpoints.at(-1)!)))
      await second.finish()
      expect(second.run.status).toBe('failed')
      expect(second.run.error?.message).toContain('final fault')
      expect(new Set(undone).size).toBe(undone.length)
      expect(undone).toHaveLength(2)
    }
  })
})

describe('a checkpoint', () => {
  it('taken at any boundary leads to the same end, and the stage cut off runs again under the same key', async () => {
    const keys: string[] = []
    const definition: AnyPipeline = {
      id: 'p',
      initialState: { n: 0 },
      stages: [
        {
          id: 'count',
          steps: {
            add: ({ state, idempotencyKey, attempt }: StepContext) => {
              keys.push(`${idempotencyKey}#${attempt}`)
              return { n: Number(state['n']) + 1 }
            },
          },
          router: ({ state }: { state: { n: number } }) => (state.n < 3 ? 'count' : 'end'),
        },
        { id: 'end' },
      ],
    }
    const whole = drive(definition)
    await whole.finish()
    expect(keys).toEqual(['run-1/count.1/add#1', 'run-1/count.2/add#1', 'run-1/count.3/add#1'])
    for (const checkpoint of whole.checkpoints) {
      keys.length = 0
      const { run, finish } = whole.restore(JSON.parse(JSON.stringify(checkpoint)))
      await finish()
      expect(run.state).toEqual({ n: 3 })
      expect(run.status).toBe('succeeded')
      if (keys[0]) expect(keys[0]).toMatch(/#2$/)
    }
  })

  it('that names a stage which is gone is refused', async () => {
    const { restore, checkpoints, finish } = drive({ id: 'p', stages: [{ id: 'a' }, { id: 'b' }] })
    await finish()
    expect(() => restore({ ...checkpoints[0]!, next: 'gone' })).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    )
  })
})
