import { describe, expect, it } from 'vitest'
import { type Plan, type RTError, type ValidationError, run, validatePlan } from 'busline/plan'

const same = (state: unknown) => state

/** A plan of `count` steps in line. */
const line = (count: number): Plan => ({
  workflow: {
    steps: Array.from({ length: count }, (_, index) => ({
      id: `s${index}`,
      expression: [same],
      ...(index < count - 1 ? { next: { [`s${index + 1}`]: true } } : {}),
    })),
  },
})

function nested(depth: number, leaf: unknown = 1): unknown {
  let value = leaf
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

const throwing = Object.defineProperty({}, 'id', {
  enumerable: true,
  get: () => {
    throw new Error('not today')
  },
})

const cyclic: { workflow: { steps: object[] } } = { workflow: { steps: [] } }
cyclic.workflow.steps.push({ id: 'a', state: cyclic })

const revoked = Proxy.revocable({}, {})
revoked.revoke()

const withState = (state: unknown) => ({ workflow: { steps: [{ id: 'a', state, expression: [same] }] } })

/** What a stranger may send, and where the fault is. */
const HOSTILE: readonly (readonly [string, unknown, string, string])[] = [
  ['ten thousand jobs', line(10_000), 'workflow.steps', 'must hold at most 5000 steps: there are 10000'],
  [
    'thirty thousand edges',
    {
      workflow: {
        steps: [
          { id: 'a', next: Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`x${i}`, true])) },
        ],
      },
    },
    'workflow.steps',
    'must hold at most 20000 edges: there are 30000',
  ],
  [
    'twenty megabytes of text',
    withState({ text: 'x'.repeat(20_000_000) }),
    'workflow.steps.0.state.text',
    'longer than 16000000 characters',
  ],
  [
    'a million values',
    withState({ list: new Array(1_000_000).fill(0) }),
    'workflow.steps.0.state.list',
    'holds 1000000 elements',
  ],
  [
    'a list that is nothing but long',
    withState({ list: new Array(2 ** 32 - 1) }),
    'workflow.steps.0.state.list',
    'holds 4294967295 elements',
  ],
  [
    'two hundred levels',
    withState({ list: nested(200) }),
    'workflow.steps.0.state.list',
    'is nested deeper than 100 levels',
  ],
  [
    'two hundred thousand levels',
    withState({ list: nested(200_000) }),
    'workflow.steps.0.state.list',
    'is nested deeper than 100 levels',
  ],
  ['itself', cyclic, 'workflow.steps.0.state', 'refers to an object it stands in'],
  [
    'a key __proto__',
    JSON.parse('{"workflow":{"steps":[{"id":"a","state":{"__proto__":{"polluted":1}}}]}}'),
    'workflow.steps.0.state.__proto__',
    'is a reserved key',
  ],
  [
    'a step named __proto__',
    JSON.parse('{"workflow":{"steps":[{"id":"a","next":{"__proto__":true}}]}}'),
    'workflow.steps.0.next.__proto__',
    'is a reserved key',
  ],
  [
    'a getter that throws',
    { workflow: { steps: [throwing] } },
    'workflow.steps.0.id',
    'could not be read: reading it threw',
  ],
  ['a proxy that is revoked', { workflow: revoked.proxy }, 'workflow', 'could not be read: reading it threw'],
  [
    'ids that are taken',
    { workflow: { steps: [{ id: 'a' }, { id: 'a' }] } },
    'workflow.steps.1.id',
    'is taken: "a"',
  ],
  [
    'an edge that leads nowhere',
    { workflow: { steps: [{ id: 'a', next: 'x' }] } },
    'workflow.steps.0.next',
    'Cannot find job: x',
  ],
  ['an instance of a class', new Map(), '', 'must be an object with the steps of the plan'],
]

describe('a plan from a stranger', () => {
  it.each(HOSTILE)(
    'is refused with the path of the fault when it holds %s',
    async (_what, plan, path, message) => {
      const { issues } = validatePlan(plan)
      expect(issues[0]?.message).toContain(message)
      expect(issues[0]?.path.startsWith(path)).toBe(true)
      const error = await run(plan as Plan).catch((each: unknown) => each)
      expect(error).toMatchObject({ name: 'ValidationError', code: 'VALIDATION' })
      expect((error as ValidationError).issues).toEqual(issues)
    },
  )

  it('is reported whatever it is', () => {
    const values = [
      undefined,
      null,
      0,
      1n,
      'x',
      true,
      Symbol('x'),
      [],
      [1],
      new Date(),
      NaN,
      () => 1,
      { workflow: 1 },
    ]
    for (const value of values) expect(() => validatePlan(value)).not.toThrow()
  })

  it('is read once, however it is connected', () => {
    const reads = (count: number) => {
      let times = 0
      const counting: ProxyHandler<object> = {
        get: (target, key) => {
          times++
          const value: unknown = Reflect.get(target, key)
          return typeof value === 'object' && value !== null ? new Proxy(value, counting) : value
        },
      }
      expect(validatePlan(new Proxy(line(count), counting)).issues).toEqual([])
      return times
    }
    expect(reads(4_000) / reads(500)).toBeCloseTo(8, 1)
  })

  it('may have five thousand jobs in line', async () => {
    expect(await run(line(5_000), { data: { x: 1 } })).toEqual({ data: { x: 1 } })
  })

  it('is never changed, and may be frozen all the way down', async () => {
    const freeze = <Value>(value: Value): Value => {
      if (typeof value === 'object' && value !== null) {
        Object.values(value).forEach(freeze)
        Object.freeze(value)
      }
      return value
    }
    const plan = freeze({
      workflow: {
        credentials: { k: { deep: 1 } },
        steps: [
          {
            state: { list: [1] },
            configuration: { c: { deep: 1 } },
            expression: [
              (state: { list: number[]; configuration: { c: { deep: number }; k: { deep: number } } }) => {
                state.list.push(2)
                state.configuration.c.deep = 2
                state.configuration.k.deep = 2
                return state
              },
            ],
          },
        ],
      },
    })
    const before = JSON.stringify(plan)
    expect(await run(plan)).toMatchObject({ list: [1, 2] })
    expect(await run(plan)).toMatchObject({ list: [1, 2] })
    expect(JSON.stringify(plan)).toBe(before)
  })

  it('that has changed since the last run is read anew', async () => {
    const step = { id: 'a', expression: [() => ({ x: 1 })] }
    const plan = { workflow: { steps: [step] } }
    expect(await run(plan)).toEqual({ x: 1 })
    step.expression = [() => ({ x: 2 })]
    expect(await run(plan)).toEqual({ x: 2 })
  })

  it('cannot change while it runs', async () => {
    const steps = [
      { id: 'a', expression: [same], next: 'b' },
      { id: 'b', expression: [() => ({ x: 1 })] },
    ]
    const running = run({ workflow: { steps } })
    steps.length = 0
    expect(await running).toEqual({ x: 1 })
  })
})

describe('state from a stranger', () => {
  const circular: Record<string, unknown> = { data: {} }
  circular['self'] = circular

  it('may refer to itself', async () => {
    expect(await run([same] as never, circular)).toEqual({ data: {}, self: '[Circular]' })
  })

  it.each([
    ['a bigint', { data: 1n }, 'state.data is a bigint'],
    ['a getter that throws', { data: throwing }, 'state.data.id cannot be read: not today'],
    [
      'a reserved key',
      { data: JSON.parse('{"__proto__":{}}') as object },
      'state.data.__proto__ is a reserved key',
    ],
    ['a hundred thousand levels', { data: nested(100_000) }, 'is nested deeper than 190 levels'],
    ['a list that is nothing but long', { data: new Array(2 ** 32 - 1) }, 'too large'],
  ])('is refused by its path when it holds %s', async (_what, input, message) => {
    const error = (await run([same] as never, input).catch((each: unknown) => each)) as RTError
    expect(error).toMatchObject({ name: 'InputError', code: 'VALIDATION' })
    expect(error.message).toContain(message)
  })

  it('does not pollute any prototype', async () => {
    const plan: Plan = {
      workflow: {
        steps: [
          {
            id: 'a',
            expression: [() => ({ data: JSON.parse('{"__proto__":{"polluted":1}}') as object })],
            next: 'b',
          },
          { id: 'b', join: 'all', state: { data: { x: 1 } }, expression: [same] },
        ],
      },
    }
    expect(await run(plan)).toMatchObject({ data: { x: 1 }, errors: { a: { subtype: 'InvalidState' } } })
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it('leaves the globals of the host as they were', async () => {
    const before = [globalThis, console, setTimeout, Object.prototype, Array.prototype].map((each) => [
      Object.isFrozen(each),
      Reflect.ownKeys(each).length,
    ])
    await run({
      workflow: {
        steps: [
          {
            id: 'a',
            expression: [
              same,
              () => {
                throw new Error('no')
              },
            ],
          },
        ],
      },
    })
    const after = [globalThis, console, setTimeout, Object.prototype, Array.prototype].map((each) => [
      Object.isFrozen(each),
      Reflect.ownKeys(each).length,
    ])
    expect(after).toEqual(before)
  })
})
