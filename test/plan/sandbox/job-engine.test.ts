import { afterAll, describe, expect, it } from 'vitest'
import type { OperationEvent } from 'busline/plan'
import { openJobEngine } from 'busline/plan/sandbox'
import { runJob, runOptions } from './run-job.js'

const engine = await openJobEngine({ maxWorkers: 2 })
afterAll(() => engine.close())

const job = (body: string) => `export default [async (state) => { ${body} }]`

describe('JobEngine.load() and run()', () => {
  it('runs operations in series on the state', async () => {
    const source = 'export default [(s) => ({ ...s, n: s.n + 1 }), async (s) => ({ ...s, n: s.n * 10 })]'
    expect(await runJob(engine, source, { n: 1 })).toEqual({ ok: true, state: { n: 20 } })
  })

  it('leaves the state of its caller as it is', async () => {
    const state = { list: [1] }
    await runJob(engine, job('state.list.push(2); return state'), state)
    expect(state).toEqual({ list: [1] })
  })

  it('knows top-level await, declarations and an execute() of the job', async () => {
    const source = `const two = await Promise.resolve(2)
      export const execute = (...operations) => async (state) => ({ operations: operations.length, two })
      export default [(s) => s, (s) => s]`
    expect(await runJob(engine, source)).toEqual({ ok: true, state: { operations: 2, two: 2 } })
  })

  it('tells where an error was thrown, and keeps its code and details', async () => {
    const source =
      "export default [(state) => {\n  throw Object.assign(new Error('No'), { code: 'E1', info: { a: 1 } })\n}]"
    const outcome = await runJob(engine, source, { n: 1 })
    expect(outcome).toMatchObject({
      ok: false,
      state: { n: 1 },
      fault: {
        kind: 'thrown',
        message: 'No',
        position: { line: 2 },
        thrown: { type: 'Error', error: { code: 'E1' }, details: { code: 'E1', info: { a: 1 } } },
      },
    })
    expect(outcome.ok || outcome.fault.stack).toMatch(/^ {4}at .*vm:module\(0\):2:\d+/)
  })

  it('tells where text is no JavaScript', async () => {
    const outcome = await runJob(engine, 'const a = 1\nconst b = = 2')
    expect(outcome).toMatchObject({ ok: false, fault: { kind: 'syntax', position: { line: 2 } } })
  })

  it('follows a source map to the line of the source', async () => {
    // Line 1 of the text is line 3, column 5 of the source.
    const sourceMap = { version: 3, mappings: 'AAEI', sourcesContent: ['one\ntwo\n    three'] }
    const outcome = await runJob(engine, job("throw new Error('No')"), {}, {}, { sourceMap })
    expect(outcome).toMatchObject({ fault: { position: { line: 3, column: 5 }, sourceLine: '    three' } })
  })

  it.each([
    ['exports', 'export default 1'],
    ['exports', 'export const a = 1'],
    ['operation', 'export default [1]'],
    ['security', job("return eval('1')")],
    ['security', job("return new Function('return 1')()")],
    ['result', job('return { n: 1n }')],
    ['result', job('return () => 1')],
    ['result', job("return { get x() { throw new Error('No') } }")],
    ['import', "import fs from 'node:fs'\nexport default []"],
    ['import', "import x from 'elsewhere'\nexport default []"],
    ['thrown', job('return new Promise(() => {})')],
  ])('tells of the fault %s in %s', async (kind, source) => {
    expect(await runJob(engine, source)).toMatchObject({ ok: false, fault: { kind } })
  })

  it('names the path of what is no data', async () => {
    const outcome = await runJob(engine, job('return { a: { b: [1n] } }'))
    expect(outcome).toMatchObject({ fault: { message: expect.stringContaining('state.a.b.0') as string } })
  })

  it('writes cycles as [Circular]', async () => {
    expect(await runJob(engine, job('state.self = state; return state'), { n: 1 })).toEqual({
      ok: true,
      state: { n: 1, self: '[Circular]' },
    })
  })

  it('gives each operation a copy of its own when state is immutable', async () => {
    const source = "export default [(s) => { s.x = 1; throw new Error('No') }]"
    expect(await runJob(engine, source, { n: 1 }, { immutableState: true })).toMatchObject({
      state: { n: 1 },
    })
    const changed = await runJob(engine, source, { n: 1 })
    expect(changed.state).toEqual({ n: 1, x: 1 })
  })

  it('refuses a result that is larger than allowed', async () => {
    const outcome = await runJob(engine, job("return { text: 'é'.repeat(600) }"), {}, { maxStateBytes: 1000 })
    expect(outcome).toMatchObject({ ok: false, fault: { kind: 'too-large' } })
  })

  it('prints through the console it is given, as data', async () => {
    const printed: unknown[] = []
    const log = (...values: unknown[]) => void printed.push(values)
    const console = { log, info: log, debug: log, warn: log, error: log }
    await runJob(
      engine,
      job("console.log('a', { b: 1 }, undefined, new Error('No')); return {}"),
      {},
      { console },
    )
    expect(printed).toEqual([['a', { b: 1 }, 'undefined', 'Error: No']])
  })

  it('tells of operations as they begin and end', async () => {
    const events: OperationEvent[] = []
    await runJob(
      engine,
      'function one(s) { return s }\nexport default [one, () => { throw 1 }]',
      {},
      {
        onOperation: (event) => events.push(event),
      },
    )
    expect(events.map(({ phase, index }) => [phase, index])).toEqual([
      ['start', 0],
      ['complete', 0],
      ['start', 1],
      ['error', 1],
    ])
    expect(events[0]).toMatchObject({ name: 'one' })
  })

  it('has timers', async () => {
    const source = job('await new Promise((resolve) => setTimeout(resolve, 5)); return { ok: 1 }')
    expect(await runJob(engine, source)).toEqual({ ok: true, state: { ok: 1 } })
  })

  it('bridges modules as data and asynchronous functions', async () => {
    const exports = { add: (one: number, other: number) => one + other, list: [1, 2], default: 'd' }
    const source = "import d, { add, list } from 'sums'\n" + job('return { sum: await add(1, 2), list, d }')
    const linker = { modules: { sums: { exports } } }
    expect(await runJob(engine, source, {}, {}, { linker })).toEqual({
      ok: true,
      state: { sum: 3, list: [1, 2], d: 'd' },
    })
  })

  it('says that a module has no such export, and that the whitelist forbids it', async () => {
    const modules = { sums: { exports: { add: 1 } } }
    const source = "import { nothing } from 'sums'\nexport default []"
    expect(await runJob(engine, source, {}, {}, { linker: { modules } })).toMatchObject({
      fault: { kind: 'import', message: expect.stringContaining('no such export') as string },
    })
    expect(
      await runJob(engine, source, {}, {}, { linker: { modules, whitelist: ['^other$'] } }),
    ).toMatchObject({
      fault: {
        kind: 'import',
        message: 'Cannot import "sums": the whitelist of the linker does not allow it',
      },
    })
  })

  it('tells errors of modules from those of the job', async () => {
    const fail = () => {
      throw Object.assign(new Error('Down'), { code: 'E_DOWN', statusCode: 503 })
    }
    const source = "import { fail } from 'net'\n" + job('await fail()')
    expect(
      await runJob(engine, source, {}, {}, { linker: { modules: { net: { exports: { fail } } } } }),
    ).toMatchObject({
      fault: { message: 'Down', thrown: { fromModule: true, details: { code: 'E_DOWN', statusCode: 503 } } },
    })
  })

  it('has globals of the caller and of the plan, which do not replace its own', async () => {
    const text = { globals: { rate: 2, JSON: 'mine' }, globalsSource: 'export const twice = (n) => n * rate' }
    const source = job('return { n: twice(4), json: typeof JSON }')
    expect(await runJob(engine, source, {}, {}, text)).toEqual({ ok: true, state: { n: 8, json: 'object' } })
  })

  it('ends a run when its signal fires, even one that computes', async () => {
    const controller = new AbortController()
    const ending = runJob(engine, job('for (;;);'), {}, { signal: controller.signal, timeoutMs: Infinity })
    setTimeout(() => controller.abort(), 50)
    expect(await ending).toMatchObject({ ok: false, fault: { kind: 'aborted' } })
    expect(await runJob(engine, job('return { ok: 1 }'))).toEqual({ ok: true, state: { ok: 1 } })
  })

  it('runs jobs side by side, and those that find no worker free in their turn', async () => {
    const source = job('await new Promise((resolve) => setTimeout(resolve, 5)); return { n: state.n }')
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => runJob(engine, source, { n })))
    expect(outcomes.map(({ state }) => state)).toEqual(Array.from({ length: 20 }, (_, n) => ({ n })))
  })

  it('has chance that differs from run to run', async () => {
    const source = job('return { n: Math.random() }')
    const numbers = new Set<unknown>()
    for (let run = 0; run < 5; run++) numbers.add(JSON.stringify((await runJob(engine, source)).state))
    expect(numbers.size).toBe(5)
  })

  it('keeps the heap of its host flat over 1 000 runs', async () => {
    const result = await engine.load({ source: job('return { n: state.n + 1 }'), stepId: 'job' })
    if (!result.ok) throw new Error(result.fault.message)
    const run = async (times: number) => {
      for (let n = 0; n < times; n++) await result.loaded.run({ n }, runOptions())
      globalThis.gc?.()
      return process.memoryUsage().heapUsed / 1e6
    }
    await run(300)
    const before = await run(1)
    expect((await run(1000)) - before).toBeLessThan(20)
  })
})

describe('JobEngine.compileCondition()', () => {
  const holds = async (source: string, state: unknown, more: object = {}) => {
    const result = await engine.compileCondition({ source, from: 'a', to: 'b', ...more })
    if (!result.ok) return result
    return result.loaded.evaluate(state, 'a', runOptions())
  }

  it('evaluates an expression over the state and the step it comes from', async () => {
    expect(await holds('state.n > 1 && upstreamStepId === "a"', { n: 2 })).toEqual({ ok: true, holds: true })
    expect(await holds('state.n > 1', { n: 1 })).toEqual({ ok: true, holds: false })
  })

  it('lets statements after a semicolon count for nothing', async () => {
    expect(await holds('false; true', {})).toEqual({ ok: true, holds: false })
  })

  it('tells the state when the expression has changed it', async () => {
    expect(await holds('(state.n = 5)', { n: 1 })).toEqual({ ok: true, holds: true, state: { n: 5 } })
  })

  it('asks helpers at once, as often as it needs them', async () => {
    const helpers = {
      twice: (n: number) => n * 2,
      fail: () => {
        throw new Error('No')
      },
    }
    expect(await holds('twice(twice(state.n)) === 8', { n: 2 }, { helpers })).toEqual({
      ok: true,
      holds: true,
    })
    expect(await holds('fail()', {}, { helpers })).toMatchObject({ ok: false, fault: { message: 'No' } })
  })

  it('refuses text that is no expression, and ends one that never ends', async () => {
    expect(await holds('state.n >', {})).toMatchObject({ ok: false, fault: { kind: 'syntax' } })
    const result = await engine.compileCondition({ source: '(() => { for (;;); })()', from: 'a', to: 'b' })
    if (!result.ok) throw new Error(result.fault.message)
    expect(await result.loaded.evaluate({}, 'a', runOptions({ timeoutMs: 100 }))).toMatchObject({
      ok: false,
      fault: { kind: 'timeout' },
    })
  })
})

describe('JobEngine.close()', () => {
  it('rejects what is under way, and what comes later', async () => {
    const own = await openJobEngine({ maxWorkers: 1 })
    const running = runJob(own, job('await new Promise((resolve) => setTimeout(resolve, 60000))'))
    const expected = expect(running).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    setTimeout(() => void own.close(), 300)
    await expected
    await expect(own.load({ source: '', stepId: 'a' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await own.close()
  })
})
