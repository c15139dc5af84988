import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, describe, expect, it } from 'vitest'
import { openJobEngine } from 'busline/plan/sandbox'
import { BOMBS, ESCAPE_ATTEMPTS } from './escape-attempts.js'
import { runJob } from './run-job.js'

const engine = await openJobEngine({ maxMemoryBytes: 32 * 2 ** 20 })
afterAll(() => engine.close())

// Node loads some globals when they are first looked at, which leaves others: that is not to be taken for the deed of a job.
describeHost()

const lib = {
  add: (one: number, other: number) => one + other,
  data: { list: [1, 2] },
  fail: () => {
    throw new RangeError('It fails')
  },
  gives: () => () => 1,
  leak: () => process,
}
const globals = { given: (value: unknown) => value }

/** A job that makes an attempt and says what it got: whether that is of a host is judged where it is. */
const attemptJob = (body: string) => `import * as lib from 'lib'
const attempt = async function () {
  ${body}
}
const isOfHost = (got) => (typeof got === 'object' || typeof got === 'function') && got !== null &&
  ['pid', 'mainModule', 'getBuiltinModule', 'binding', 'postMessage', 'process', 'require'].some((key) => key in got)
export default [async () => ({ escaped: isOfHost(await attempt()) })]`

const attempts = Object.entries(ESCAPE_ATTEMPTS).flatMap(([kind, bodies]) =>
  bodies.map((body): [string, string] => [kind, body]),
)

/** Everything a job could change in its host and leave behind. */
function describeHost() {
  const owners = {
    globalThis,
    Object: Object.prototype,
    Array: Array.prototype,
    Function: Function.prototype,
  }
  const more = {
    Error: Error.prototype,
    Promise: Promise.prototype,
    String: String.prototype,
    JSON,
    Math,
    console,
  }
  const values = Object.entries({ ...owners, ...more }).flatMap(([name, owner]) =>
    Reflect.ownKeys(owner).map((key) => {
      const descriptor = Object.getOwnPropertyDescriptor(owner, key)
      const value: unknown =
        descriptor && (descriptor.get ? Object.entries(descriptor)[0]![1] : descriptor.value)
      return [`${name}.${String(key)}`, typeof value === 'function' ? value : typeof value] as const
    }),
  )
  return new Map<string, unknown>([
    ...values,
    ['frozen', Object.isFrozen(console) || Object.isFrozen(setTimeout)],
  ])
}

describe('job text in the engine', () => {
  it('is tried in more than 150 ways', () => {
    expect(attempts.length).toBeGreaterThanOrEqual(150)
    expect(new Set(attempts.map(([, body]) => body)).size).toBe(attempts.length)
  })

  it('judges a host object to be one', async () => {
    const outcome = await runJob(
      engine,
      attemptJob('return { pid: 1 }'),
      {},
      {},
      { globals, linker: { modules: { lib: { exports: lib } } } },
    )
    expect(outcome).toEqual({ ok: true, state: { escaped: true } })
  })

  for (const [kind, bodies] of Object.entries(ESCAPE_ATTEMPTS)) {
    it(`gets at nothing of its host by ${kind}`, async () => {
      const before = describeHost()
      const escaped: string[] = []
      for (const body of bodies) {
        const outcome = await runJob(
          engine,
          attemptJob(body),
          { data: {} },
          { timeoutMs: 5000 },
          {
            globals,
            linker: { modules: { lib: { exports: lib } } },
          },
        )
        const state = outcome.state as { escaped?: unknown } | undefined
        if (outcome.ok && state?.escaped !== false) escaped.push(`${body}: ${JSON.stringify(outcome)}`)
        if (!outcome.ok && /node:internal|\/node_modules\/|file:\/\//.test(JSON.stringify(outcome))) {
          escaped.push(`${body} told of its host: ${JSON.stringify(outcome)}`)
        }
      }
      expect(escaped).toEqual([])
      expect(describeHost()).toEqual(before)
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
    })
  }

  it('leaves nothing for the next run of the same text or another', async () => {
    const source = `globalThis.count = (globalThis.count ?? 0) + 1
      Object.prototype.left = true
      export default [() => ({ count: globalThis.count, left: ({}).left === true })]`
    for (let run = 0; run < 3; run++) {
      expect(await runJob(engine, source)).toEqual({ ok: true, state: { count: 1, left: true } })
    }
    const other = 'export default [() => ({ count: typeof count, left: typeof ({}).left })]'
    expect(await runJob(engine, other)).toEqual({
      ok: true,
      state: { count: 'undefined', left: 'undefined' },
    })
  })
})

describe('a job that uses up what there is', () => {
  it.each(Object.entries(BOMBS))('is ended: %s', async (_name, body) => {
    const source = `export default [async () => { ${body} }]`
    const outcome = await runJob(engine, source, {}, { timeoutMs: 500 })
    if (outcome.ok) expect(JSON.stringify(outcome.state ?? null).length).toBeLessThan(9_000_000)
    else expect(['timeout', 'memory', 'thrown', 'too-large', 'result']).toContain(outcome.fault.kind)
    // The engine works on.
    expect(await runJob(engine, 'export default [() => ({ ok: 1 })]')).toEqual({ ok: true, state: { ok: 1 } })
  })

  it('does not hold up the event loop of its host', async () => {
    // The machine may be busy with other things: what counts is what jobs add to what is there anyway.
    const measure = async (work: () => Promise<unknown>) => {
      const delay = monitorEventLoopDelay({ resolution: 5 })
      delay.enable()
      await work()
      delay.disable()
      return delay.percentile(99) / 1e6
    }
    const pause = () => new Promise((resolve) => setTimeout(resolve, 300))
    const bombs = [
      'a loop',
      'microtasks that make microtasks',
      'strings without end',
      'a search that nothing interrupts',
    ]
    const run = async () => {
      for (const name of bombs) {
        await runJob(engine, `export default [async () => { ${BOMBS[name]!} }]`, {}, { timeoutMs: 300 })
      }
    }
    await run()
    let added = Infinity
    for (let attempt = 0; attempt < 5 && added >= 50; attempt++) {
      const idle = await measure(pause)
      added = (await measure(run)) - idle
    }
    expect(added).toBeLessThan(50)
  })
})
