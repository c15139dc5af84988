import { describe, expect, it, vi } from 'vitest'
import { SystemError } from '../../src/core/system-error.js'
import { advance, jump, jumpTo, pause, terminate } from '../../src/pipeline/instruction.js'
import { drive } from './hand-driven.js'

describe('a stage of steps', () => {
  it('runs its steps concurrently on one frozen snapshot and commits their changes together', async () => {
    const seen: unknown[] = []
    const { run, finish, checkpoints } = drive({
      id: 'p',
      initialState: { a: 0, b: 0 },
      stages: [
        {
          id: 'both',
          steps: {
            first: async ({ state }) => {
              seen.push(state, Object.isFrozen(state))
              return { a: 1 }
            },
            second: ({ state }) => {
              seen.push(state)
              return (draft: { b: number }) => void draft.b++
            },
          },
        },
      ],
    })
    await finish()
    expect(run.state).toEqual({ a: 1, b: 1 })
    expect(seen).toEqual([{ a: 0, b: 0 }, true, { a: 0, b: 0 }])
    expect(checkpoints).toHaveLength(1)
    expect(run.status).toBe('succeeded')
  })

  it('refuses two steps that write the same path, and names them', async () => {
    const { run, finish } = drive({
      id: 'p',
      initialState: { order: { total: 1 } },
      stages: [
        {
          id: 's',
          steps: {
            one: () => (draft: { order: { total: number } }) => void (draft.order.total = 2),
            two: () => ({ order: { total: 3 } }),
          },
        },
      ],
    })
    await finish()
    expect(run.status).toBe('failed')
    expect(run.error).toMatchObject({ code: 'CONFLICT', context: { steps: ['one', 'two'], path: 'order' } })
    expect(run.state).toEqual({ order: { total: 1 } })
  })

  it('lets the last declared step win when the stage says so', async () => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const { run, finish } = drive({
      id: 'p',
      stages: [
        {
          id: 's',
          onConflict: 'last-wins',
          steps: {
            slow: async () => (await gate, { winner: 'slow' }),
            fast: () => (release(), { winner: 'fast' }),
          },
        },
      ],
    })
    await finish()
    expect(run.state).toEqual({ winner: 'fast' })
  })

  it('fails the run with every failing step, and commits nothing of the stage', async () => {
    const fault = new TypeError('no stock')
    const { run, finish, published } = drive({
      id: 'p',
      initialState: { n: 0 },
      stages: [
        {
          id: 's',
          steps: {
            ok: (ctx) => (
              void (ctx as unknown as { publish: (t: string, p: unknown) => void }).publish('x', 1),
              { n: 1 }
            ),
            bad: () => Promise.reject(fault),
            worse: () => {
              throw null
            },
          },
        },
      ],
    })
    await finish()
    expect(run.error?.code).toBe('EXECUTION_FAILED')
    expect(run.error?.errors?.map(({ context }) => context['stepId'])).toEqual(['bad', 'worse'])
    expect(run.error?.errors?.[0]?.cause).toBe(fault)
    expect(run.state).toEqual({ n: 0 })
    expect(published).toEqual([])
  })

  it('publishes what steps published in the order the steps are declared, when the stage commits', async () => {
    const order: string[] = []
    const { run, finish, published } = drive({
      id: 'p',
      stages: [
        {
          id: 's',
          steps: {
            late: async ({ publish }: { publish: (type: string, payload: unknown) => { id: string } }) => {
              await Promise.resolve()
              publish('late', 1)
              order.push('late')
            },
            early: ({ publish }: { publish: (type: string, payload: unknown) => { id: string } }) => {
              publish('early', 2)
              order.push('early')
            },
          },
        },
      ],
    })
    await finish()
    expect(order).toEqual(['early', 'late'])
    expect(published.map(({ type, causationId }) => [type, causationId])).toEqual([
      ['late', 'e1'],
      ['early', 'e1'],
    ])
    expect(run.status).toBe('succeeded')
  })

  it.each([
    ['a function inside a patch', () => ({ fn: () => 1 })],
    ['a bigint', () => ({ n: 1n })],
    ['a patch that names __proto__', () => JSON.parse('{"__proto__":{"hacked":true}}') as object],
    ['an array', () => [1]],
    ['a map', () => ({ m: new Map() })],
    [
      'a cycle',
      () => {
        const loop: Record<string, unknown> = {}
        loop['self'] = loop
        return { loop }
      },
    ],
  ])('refuses %s as VALIDATION and keeps the state', async (_name, action) => {
    const { run, finish } = drive({
      id: 'p',
      initialState: { kept: 1 },
      stages: [{ id: 's', steps: { action } }],
    })
    await finish()
    expect(run.error?.errors?.[0]?.code).toBe('VALIDATION')
    expect(run.state).toEqual({ kept: 1 })
    expect(({} as Record<string, unknown>)['hacked']).toBeUndefined()
  })

  it('takes any key but __proto__: counting words one meets "constructor"', async () => {
    const words = { constructor: 1, prototype: 2, toString: 3 }
    const { finish } = drive({
      id: 'p',
      initialState: { words: {} },
      stages: [
        { id: 'a', steps: { patch: () => ({ words }) } },
        {
          id: 'b',
          steps: { recipe: () => (draft: { words: typeof words }) => void draft.words.constructor++ },
        },
      ],
    })
    const run = await finish()
    expect(run.state).toEqual({ words: { ...words, constructor: 2 } })
  })

  it('fails with VALIDATION when the state no longer fits its schema', async () => {
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) =>
          typeof (value as { n: unknown }).n === 'number'
            ? { value }
            : { issues: [{ message: 'must be a number', path: ['n'] }] },
      },
    }
    const { run, finish } = drive({
      id: 'p',
      schema,
      initialState: { n: 1 },
      stages: [{ id: 's', steps: { a: () => ({ n: 'x' }) } }],
    })
    await finish()
    expect(run.error?.code).toBe('VALIDATION')
    expect(run.error?.message).toContain('"n": must be a number')
  })
})

describe('a run that is abandoned', () => {
  it('begins no stage any more, and takes no signal', async () => {
    const step = vi.fn()
    const { run } = drive({ id: 'main', stages: [{ id: 'a', steps: { step } }] })
    const reason = new SystemError('UNAVAILABLE', 'It is left to the next process')
    run.abandon(reason)
    await expect(run.advance()).rejects.toBe(reason)
    await expect(run.signal({ late: true })).rejects.toBe(reason)
    expect(step).not.toHaveBeenCalled()
  })
})

describe('a router', () => {
  it('reads the state after the stage, the event and the results of the steps', async () => {
    const router = vi.fn(() => terminate())
    const { finish } = drive({
      id: 'p',
      stages: [{ id: 's', steps: { a: () => ({ x: 1 }), b: () => () => {} }, router }, { id: 'never' }],
    })
    const run = await finish()
    expect(router).toHaveBeenCalledWith({
      state: { x: 1 },
      event: expect.objectContaining({ id: 'e1' }),
      resume: undefined,
      results: { a: { x: 1 } },
    })
    expect(run.status).toBe('succeeded')
  })

  it.each([
    ['a bare stage id', () => 'c'],
    ['jump()', () => jump('c')],
    ['a promise of jump()', async () => jump('c')],
    ['jumpTo() with a stage', () => jumpTo({ stage: 'c' })],
  ])('goes on at the stage named by %s', async (_name, router) => {
    const visited: string[] = []
    const visit = (id: string) => ({ id, steps: { s: () => void visited.push(id) } })
    await drive({ id: 'p', stages: [{ ...visit('a'), router }, visit('b'), visit('c')] }).finish()
    expect(visited).toEqual(['a', 'c'])
  })

  it('runs only the step that jumpTo() names', async () => {
    const done: string[] = []
    await drive({
      id: 'p',
      stages: [
        { id: 'a', router: () => jumpTo({ stage: 'b', step: 'y' }) },
        { id: 'b', steps: { x: () => void done.push('x'), y: () => void done.push('y') } },
      ],
    }).finish()
    expect(done).toEqual(['y'])
  })

  it.each([
    ['an unknown stage', () => 'nowhere', 'NOT_FOUND'],
    ['an unknown step', () => jumpTo({ stage: 's', step: 'nope' }), 'NOT_FOUND'],
    ['nothing', () => undefined, 'VALIDATION'],
    ['a number', () => 42, 'VALIDATION'],
    ['an unknown instruction', () => ({ type: 'fly' }), 'VALIDATION'],
    ['a pause that never says how long', () => pause({ until: { event: 'x' } }), 'VALIDATION'],
    ['a pause with a bad duration', () => pause({ timeout: 'soon' as never }), 'VALIDATION'],
    [
      'a pause on a malformed condition',
      () => pause({ until: { event: 'x', conditions: [{}] } as never, timeout: 1 }),
      'VALIDATION',
    ],
  ])('that returns %s fails the run by name', async (_what, router, code) => {
    const run = await drive({ id: 'p', stages: [{ id: 's', router }] }).finish()
    expect(run.status).toBe('failed')
    expect(run.error?.code).toBe(code)
  })

  it('that throws fails the run, after the stage has committed', async () => {
    const run = await drive({
      id: 'p',
      stages: [
        {
          id: 's',
          steps: { a: () => ({ done: true }) },
          router: () => {
            throw new Error('lost')
          },
        },
      ],
    }).finish()
    expect(run.error).toMatchObject({ code: 'EXECUTION_FAILED', message: expect.stringContaining('lost') })
    expect(run.state).toEqual({ done: true })
  })

  it('that goes round for ever is stopped by maxVisits', async () => {
    const run = await drive({
      id: 'p',
      maxVisits: 7,
      initialState: { n: 0 },
      stages: [
        {
          id: 'again',
          steps: { s: ({ state }: { state: { n: number } }) => ({ n: state.n + 1 }) },
          router: () => 'again',
        },
      ],
    }).finish()
    expect(run.error?.code).toBe('LOOP_LIMIT')
    expect(run.state).toEqual({ n: 7 })
  })

  it('may be the only thing in a stage, and a stage may hold nothing at all', async () => {
    const run = await drive({ id: 'p', stages: [{ id: 'a', router: () => advance() }, { id: 'b' }] }).finish()
    expect(run.status).toBe('succeeded')
  })
})
