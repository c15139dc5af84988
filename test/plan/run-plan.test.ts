import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { isSystemError, reviveError, serializeError } from 'busline'
import type { RTError } from 'busline/plan'
import defaultRun, {
  type JobEngine,
  JobError,
  type Operation,
  type Plan,
  type PlanEvent,
  TimeoutError,
  compilePlan,
  defer,
  extractPosition,
  planJsonSchema,
  run,
} from 'busline/plan'
import { simulatedClock } from '../../src/testing/index.js'

const same = (state: unknown) => state

describe('run()', () => {
  it('is the default export', () => {
    expect(defaultRun).toBe(run)
  })

  it('ends at once when its signal fires, and tells the job', async () => {
    const controller = new AbortController()
    let told: unknown
    const hangs: Operation = (_state, { signal }) => {
      signal.addEventListener('abort', () => (told = (signal.reason as Error).message))
      controller.abort(new Error('changed my mind'))
      return new Promise(() => {})
    }
    const error: unknown = await run([hangs], {}, { signal: controller.signal }).catch(
      (each: unknown) => each,
    )
    expect(error).toMatchObject({ code: 'ABORTED', cause: { message: 'changed my mind' } })
    expect(told).toBe('The run was aborted by its signal')
  })

  it('does not begin when its signal has fired', async () => {
    let ran = false
    const running = run([() => (ran = true)], {}, { signal: AbortSignal.abort('no') })
    await expect(running).rejects.toMatchObject({ code: 'ABORTED', cause: 'no' })
    expect(ran).toBe(false)
  })

  it('leaves no timer, also after a job that failed or took too long', async () => {
    const clock = simulatedClock()
    const failing = () => {
      throw new Error('no')
    }
    const plan: Plan = {
      options: { timeout: 1_000, workflowTimeout: '1h' },
      workflow: { steps: [{ id: 'a', expression: [failing] }] },
    }
    await run(plan, {}, { clock, profile: true })
    expect(clock.pendingTimers).toBe(0)
    const late = run([() => new Promise(() => {})], {}, { clock, defaultRunTimeoutMs: 50 })
    const refused = expect(late).rejects.toBeInstanceOf(TimeoutError)
    await clock.advance(50)
    await refused
    expect(clock.pendingTimers).toBe(0)
  })

  it('tells nobody of a job that has ended after its time', async () => {
    const clock = simulatedClock()
    const heard: string[] = []
    let finish = (_state: object) => {}
    const slow = () => new Promise<object>((resolve) => (finish = resolve))
    const late = run([slow], {}, { clock, defaultRunTimeoutMs: 50, onEvent: ({ type }) => heard.push(type) })
    const refused = expect(late).rejects.toBeInstanceOf(TimeoutError)
    await clock.advance(50)
    await refused
    finish({})
    await clock.settle()
    expect(heard).toEqual([
      'workflow:started',
      'job:started',
      'operation:started',
      'workflow:failed',
      'operation:completed',
    ])
  })

  it('reports the peak of the heap with `profile`', async () => {
    const peaks: unknown[] = []
    await run(
      [same],
      {},
      {
        profile: true,
        callbacks: {
          notify: (name, payload) => name === 'job-complete' && peaks.push((payload as { mem: object }).mem),
        },
      },
    )
    expect(peaks).toEqual([expect.objectContaining({ peak: expect.any(Number) as number })])
  })

  it('asks for a credential each time it is needed', async () => {
    const asked: string[] = []
    const step = (id: string, next?: string) => ({
      id,
      configuration: 'cred',
      expression: [same],
      ...(next ? { next } : {}),
    })
    const resolveCredential = (id: string) => {
      asked.push(id)
      return Promise.resolve({ token: 1 })
    }
    await run({ workflow: { steps: [step('a', 'b'), step('b')] } }, {}, { callbacks: { resolveCredential } })
    expect(asked).toEqual(['cred', 'cred'])
  })

  it('asks no engine for a plan of functions and words', async () => {
    const engine: JobEngine = {
      load: () => Promise.reject(new Error('asked')),
      compileCondition: () => Promise.reject(new Error('asked')),
      close: () => Promise.resolve(),
    }
    const words = [
      'always',
      'never',
      'on_job_success',
      'on_job_failure',
      'on_upstream_success',
      'on_upstream_fail',
    ]
    const steps = words.map((word) => ({ id: word, expression: [same] }))
    const next = Object.fromEntries(words.map((word) => [word, word]))
    const result = await run(
      { workflow: { steps: [{ id: 'a', expression: [same], next }, ...steps] } },
      {},
      { engine },
    )
    expect(Object.keys(result as object)).toEqual(['always', 'on_job_success', 'on_upstream_success'])
  })

  it('gives text to the engine it was given, and takes what that says', async () => {
    const seen: unknown[] = []
    const engine: JobEngine = {
      load: ({ source, stepId, linker }) => {
        seen.push({ source, stepId, modules: linker?.modules })
        const run = (state: unknown) =>
          Promise.resolve({ ok: true, state: { ...(state as object), ran: true } } as const)
        return Promise.resolve({ ok: true, loaded: { run, dispose: () => seen.push('disposed') } })
      },
      compileCondition: ({ source }) => {
        seen.push(source)
        const evaluate = () => Promise.resolve({ ok: true, holds: true } as const)
        return Promise.resolve({ ok: true, loaded: { evaluate, dispose: () => {} } })
      },
      close: () => Promise.resolve(),
    }
    const plan: Plan = {
      workflow: {
        steps: [
          {
            id: 'a',
            expression: 'export default []',
            adaptors: ['@tea/pot@1.2.3'],
            next: { b: 'state.ran' },
          },
          { id: 'b' },
        ],
      },
    }
    expect(await run(plan, { configuration: { k: 1 } }, { engine })).toEqual({ data: {}, ran: true })
    expect(seen).toEqual([
      'state.ran',
      { source: 'export default []', stepId: 'a', modules: { '@tea/pot': { version: '1.2.3' } } },
      'disposed',
    ])
  })
})

describe('onEvent', () => {
  it('tells of everything, each job with its arrival, so that repetitions can be told apart', async () => {
    const events: PlanEvent[] = []
    const plan: Plan = {
      id: 'p',
      workflow: {
        steps: [
          {
            id: 'a',
            expression: [
              function boil(state) {
                return state
              },
            ],
            next: { z: { condition: true, label: 'yes' }, b: true },
          },
          { id: 'b', next: 'z' },
          {
            id: 'z',
            retry: 1,
            expression: [
              () => {
                throw new JobError('no')
              },
            ],
          },
        ],
      },
    }
    await run(plan, {}, { onEvent: (event) => events.push(event), clock: simulatedClock() })
    const told = events.map(
      (event) => `${event.type}${'stepId' in event ? ` ${event.stepId}#${event.arrival}` : ''}`,
    )
    expect(told).toEqual([
      'workflow:started',
      'job:started a#1',
      'operation:started a#1',
      'operation:completed a#1',
      'edge:evaluated a#1',
      'edge:evaluated a#1',
      'job:completed a#1',
      ...['z#2', 'b#3', 'z#4'].flatMap((place) =>
        place === 'b#3'
          ? ['edge:evaluated b#3']
          : [
              `job:started ${place}`,
              `operation:started ${place}`,
              `operation:failed ${place}`,
              `job:retried ${place}`,
              `job:started ${place}`,
              `operation:started ${place}`,
              `operation:failed ${place}`,
              `job:failed ${place}`,
            ],
      ),
      'workflow:completed',
    ])
    expect(events).toContainEqual({
      type: 'edge:evaluated',
      stepId: 'a',
      arrival: 1,
      to: 'z',
      label: 'yes',
      holds: true,
    })
    expect(events).toContainEqual({
      type: 'operation:completed',
      stepId: 'a',
      arrival: 1,
      index: 0,
      name: 'boil',
      durationMs: 0,
    })
  })

  it('cannot change what happens', async () => {
    const onEvent = () => {
      throw new Error('not today')
    }
    expect(await run([same], { data: { x: 1 } }, { onEvent })).toEqual({ data: { x: 1 } })
  })
})

describe('errors of plans', () => {
  it('are errors of Busline, and keep their facts wherever they travel', async () => {
    const crash = () => {
      throw Object.assign(new ReferenceError('tea'), { code: 'E1' })
    }
    const error: unknown = await run([crash]).catch((each: unknown) => each)
    expect(isSystemError(error)).toBe(true)
    const facts = {
      source: 'runtime',
      name: 'RuntimeCrash',
      severity: 'crash',
      subtype: 'ReferenceError',
      step: 'job-1',
    }
    expect(JSON.parse(JSON.stringify(error))).toMatchObject(facts)
    expect(reviveError(serializeError(error))).toMatchObject({
      name: 'RuntimeCrash',
      code: 'EXECUTION_FAILED',
    })
    expect((error as RTError).pos).toEqual({
      line: expect.any(Number) as number,
      column: expect.any(Number) as number,
    })
  })

  it('have the positions of job text as line and column', () => {
    const error = { stack: 'Error: no\n    at fn (/app/x.js:1:1)\n    at vm:module(0):12:7' }
    expect(extractPosition(error)).toEqual({ line: 12, column: 7 })
  })
})

describe('defer()', () => {
  it('makes one operation of a promise and what follows on it', async () => {
    const double = defer(
      (state: { data: { n: number } }) => Promise.resolve(state),
      (state) => ({ data: { n: (state as { data: { n: number } }).data.n * 2 } }),
    )
    expect(await run([double], { data: { n: 2 } })).toEqual({ data: { n: 4 } })
    const failing = defer(
      () => Promise.reject(new Error('no')),
      undefined,
      (error, state) => ({ ...(state as object), caught: (error as Error).message }),
    )
    expect(await run([failing], {})).toMatchObject({ caught: 'no' })
  })
})

describe('the published JSON Schema', () => {
  const file = fileURLToPath(new URL('../../fixtures/plan.schema.json', import.meta.url))

  it('is the one in fixtures/plan.schema.json', () => {
    const text = `${JSON.stringify(planJsonSchema(), null, 2)}\n`
    if (!existsSync(file)) writeFileSync(file, text)
    expect(readFileSync(file, 'utf8')).toBe(text)
  })
})

describe('types', () => {
  it('take operations that say what their state is, and refuse what is no operation', () => {
    interface Tea {
      data: { leaves: number }
    }
    const plan: Plan = {
      workflow: {
        steps: [{ id: 'a', expression: [(state: Tea) => state.data.leaves, (state) => ({ ...state })] }],
      },
    }
    expect(compilePlan(plan).id).toBe('plan')
    expectTypeOf(run<Tea>(plan)).resolves.toEqualTypeOf<Tea>()
    expectTypeOf(run(plan)).resolves.toEqualTypeOf<unknown>()
    // @ts-expect-error an expression is text or functions
    expect(() => compilePlan({ workflow: { steps: [{ id: 'a', expression: 7 }] } })).toThrow(
      'must be the text',
    )
    // @ts-expect-error a plan has a workflow
    expect(() => compilePlan({ steps: [] })).toThrow('workflow must be an object')
  })
})
