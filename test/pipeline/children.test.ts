import { describe, expect, it } from 'vitest'
import { SystemError } from '../../src/core/system-error.js'
import { jumpTo, pause } from '../../src/pipeline/instruction.js'
import type { AnyPipeline, ChildResult } from '../../src/pipeline/pipeline-definition.js'
import type { StepContext } from '../../src/pipeline/step-context.js'
import { drive } from './hand-driven.js'

const child = (id: string, action: (ctx: StepContext) => unknown = () => ({ from: id })): AnyPipeline => ({
  id,
  stages: [{ id: 'only', steps: { work: action } }],
})
const never = () => new Promise<never>(() => {})
const fails = () => {
  throw new Error('child fault')
}

describe('a stage of pipelines', () => {
  it('forks its children on states of their own and joins them under their ids', async () => {
    const { finish } = drive({
      id: 'p',
      initialState: { kept: true },
      stages: [{ id: 'fan', pipelines: [child('left'), child('right')] }],
    })
    const run = await finish()
    expect(run.state).toEqual({ kept: true, left: { from: 'left' }, right: { from: 'right' } })
  })

  it('joins as merge says, and shows the router how each child ended', async () => {
    let seen: unknown
    const { finish } = drive({
      id: 'p',
      initialState: { ids: [] },
      stages: [
        {
          id: 'fan',
          pipelines: [child('a'), child('b')],
          merge: (draft: { ids: unknown[] }, results: readonly ChildResult[]) => {
            for (const result of results) if (result.ok) draft.ids.push(result.state['from'])
          },
          router: ({ results }: { results: Record<string, ChildResult> }) => {
            seen = Object.entries(results).map(([id, { ok }]) => [id, ok])
            return { type: 'advance' }
          },
        },
      ],
    })
    expect((await finish()).state).toEqual({ ids: ['a', 'b'] })
    expect(seen).toEqual([
      ['a', true],
      ['b', true],
    ])
  })

  it('gives each step of a child a path and an idempotency key of its own', async () => {
    const keys: string[] = []
    const note = ({ path, idempotencyKey }: StepContext) => void keys.push(`${path} ${idempotencyKey}`)
    await drive({
      id: 'p',
      stages: [{ id: 'fan', pipelines: [child('a', note), child('b', note)] }],
    }).finish()
    expect(keys).toEqual([
      'fan/0/only/work run-1/fan.1/0/only.1/work',
      'fan/1/only/work run-1/fan.1/1/only.1/work',
    ])
  })

  it('fails fast: the first failing child ends the others, and its error is the cause', async () => {
    const { finish, clock } = drive({
      id: 'p',
      stages: [{ id: 'fan', pipelines: [child('bad', fails), child('slow', never)] }],
    })
    const run = await finish()
    expect(run.status).toBe('failed')
    expect(run.error).toMatchObject({
      code: 'EXECUTION_FAILED',
      message: expect.stringContaining('child fault'),
    })
    expect(run.error?.errors).toHaveLength(1)
    expect(clock.pendingTimers).toBe(0)
  })

  it('goes on with what succeeded under collect', async () => {
    const { finish } = drive({
      id: 'p',
      stages: [{ id: 'fan', onChildFailure: 'collect', pipelines: [child('bad', fails), child('good')] }],
    })
    const run = await finish()
    expect(run.status).toBe('succeeded')
    expect(run.state).toEqual({ good: { from: 'good' } })
  })

  it('ends with its children when the run is interrupted or its time is up', async () => {
    const { run, finish, clock } = drive({
      id: 'p',
      stages: [{ id: 'fan', timeout: '5s', pipelines: [child('slow', never)] }],
    })
    const ended = finish()
    await clock.advance('5s')
    await ended
    expect(run.error?.code).toBe('TIMEOUT')
    expect(clock.pendingTimers).toBe(0)

    const other = drive({ id: 'p', stages: [{ id: 'fan', pipelines: [child('slow', never)] }] })
    const aborted = other.finish()
    await other.clock.settle()
    other.run.interrupt(new SystemError('ABORTED', 'Stop'))
    await aborted
    expect(other.run.status).toBe('aborted')
  })

  it('starts the child that jumpTo names inside, and the others at their beginning', async () => {
    const visited: string[] = []
    const mark = (id: string) => ({ id, steps: { s: ({ path }: StepContext) => void visited.push(path) } })
    const long = (id: string) => ({ id, stages: [mark('one'), mark('two')] })
    await drive({
      id: 'p',
      stages: [
        { id: 'go', router: () => jumpTo({ stage: 'fan', pipeline: { index: 1, stage: 'two' } }) },
        { id: 'fan', pipelines: [long('a'), long('b')] },
      ],
    }).finish()
    expect(visited.sort()).toEqual(['fan/0/one/s', 'fan/0/two/s', 'fan/1/two/s'])
  })
})

describe('forEach', () => {
  const each = (items: unknown, action: (ctx: StepContext) => unknown, stage = {}) =>
    drive({
      id: 'p',
      initialState: { items },
      stages: [
        {
          id: 'loop',
          forEach: ({ items }: { items: [] }) => items,
          pipelines: [child('item', action)],
          ...stage,
        },
      ],
    })

  it('forks one child per item, which finds it in its state', async () => {
    const { finish } = each([10, 20], ({ state }) => ({
      out: Number(state['item']) + Number(state['index']),
    }))
    expect((await finish()).state['item']).toEqual([
      { item: 10, index: 0, out: 10 },
      { item: 20, index: 1, out: 21 },
    ])
  })

  it('runs at most concurrency children at once, in order', async () => {
    let active = 0
    let most = 0
    const started: unknown[] = []
    const { finish } = each(
      [...Array(20).keys()],
      async ({ state }) => {
        started.push(state['item'])
        most = Math.max(most, ++active)
        await Promise.resolve()
        active--
      },
      { concurrency: 3 },
    )
    await finish()
    expect(most).toBe(3)
    expect(started).toEqual([...Array(20).keys()])
  })

  it('with no items goes straight on', async () => {
    expect((await each([], () => {}).finish()).status).toBe('succeeded')
  })

  it('keeps the place of a failed child as null under collect', async () => {
    const { finish } = each([1, 2], ({ state }) => (state['index'] === 0 ? fails() : {}), {
      onChildFailure: 'collect',
    })
    expect((await finish()).state['item']).toEqual([null, { item: 2, index: 1 }])
  })

  it('that returns no array fails the run with VALIDATION', async () => {
    expect((await each('abc', () => {}).finish()).error?.code).toBe('VALIDATION')
  })
})

describe('a child that pauses', () => {
  const asking = (id: string): AnyPipeline => ({
    id,
    stages: [
      { id: 'ask', router: () => pause({ timeout: Infinity }) },
      { id: 'done', steps: { s: ({ resume }: StepContext) => ({ resumed: resume?.kind }) } },
    ],
  })

  it('pauses the parent at a nested address, and siblings that finished are not run again', async () => {
    let runs = 0
    const { run, finish } = drive({
      id: 'p',
      stages: [{ id: 'fan', pipelines: [asking('asks'), child('quick', () => void runs++)] }],
    })
    await finish()
    expect(run.status).toBe('paused')
    expect(run.waiting().map(({ path }) => path)).toEqual(['fan/0'])
    run.resume({ kind: 'manual' }, { path: 'fan/0' })
    await finish()
    expect(run.state).toEqual({ asks: { resumed: 'manual' }, quick: {} })
    expect(runs).toBe(1)
  })

  it('can be woken while its siblings still run', async () => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const { run, finish, clock } = drive({
      id: 'p',
      stages: [{ id: 'fan', pipelines: [asking('asks'), child('slow', () => gate)] }],
    })
    const ended = finish()
    await clock.settle()
    run.resume({ kind: 'manual' }, { path: 'fan/0' })
    await clock.settle()
    expect(run.status).toBe('running')
    release()
    await ended
    expect(run.state).toEqual({ asks: { resumed: 'manual' }, slow: {} })
  })

  it('gives its place back to a sibling', async () => {
    const { run, finish } = drive({
      id: 'p',
      stages: [{ id: 'fan', concurrency: 1, pipelines: [asking('a'), asking('b'), child('c')] }],
    })
    await finish()
    expect(run.waiting().map(({ path }) => path)).toEqual(['fan/0', 'fan/1'])
    run.resume({ kind: 'manual' })
    await finish()
    expect(run.status).toBe('succeeded')
  })

  it('continues from a checkpoint, with siblings that finished left alone', async () => {
    let runs = 0
    const first = drive({
      id: 'p',
      stages: [{ id: 'fan', pipelines: [asking('asks'), child('quick', () => void runs++)] }],
    })
    await first.finish()
    const second = first.restore(JSON.parse(JSON.stringify(first.checkpoints.at(-1)!)))
    expect(second.run.status).toBe('paused')
    second.run.resume({ kind: 'manual' })
    await second.finish()
    expect(second.run.state).toEqual({ asks: { resumed: 'manual' }, quick: {} })
    expect(runs).toBe(1)
  })

  it('goes on by itself when its time is up', async () => {
    let woken = 0
    const sleeper: AnyPipeline = {
      id: 'sleeper',
      stages: [{ id: 'z', router: () => pause({ timeout: '1h' }) }],
    }
    const { run, finish, clock } = drive(
      { id: 'p', stages: [{ id: 'fan', pipelines: [sleeper] }] },
      { wake: () => void woken++ },
    )
    await finish()
    await clock.advance('1h')
    expect(woken).toBe(1)
    await finish()
    expect(run.status).toBe('succeeded')
  })
})
