import type { EdgeCondition, Operation } from 'busline/plan'

/**
 * Operations and conditions by a line of text, so that plans in `fixtures/plans` are data: `'set x 1'` is an operation
 * that puts 1 into `data.x`. What some of them share lasts as long as one case.
 */
export interface NamedOperations {
  readonly operation: (line: string) => Operation<TestState>
  readonly condition: (line: string) => EdgeCondition<TestState>
  readonly special: (name: string) => unknown
}

type TestState = { data: Record<string, unknown> } & Record<string, unknown>

/** A clock on which every wait is over as soon as nothing else is to be done. */
export interface InstantClock {
  now: () => number
  setTimeout: (callback: () => void, ms: number) => unknown
  clearTimeout: (handle: unknown) => void
}

export function instantClock(): InstantClock {
  let now = 0
  const pending: { readonly at: number; readonly callback: () => void }[] = []
  const fire = () => {
    pending.sort((one, other) => one.at - other.at)
    const next = pending.shift()
    if (!next) return
    now = Math.max(now, next.at)
    next.callback()
  }
  return {
    now: () => now,
    setTimeout: (callback, ms) => {
      const timer = { at: now + ms, callback }
      if (ms === Infinity) return timer
      pending.push(timer)
      setImmediate(fire)
      return timer
    },
    clearTimeout: (handle) => {
      const at = pending.indexOf(handle as (typeof pending)[number])
      if (at >= 0) pending.splice(at, 1)
    },
  }
}

class TeaError extends Error {}

const ERRORS: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  TypeError,
  RangeError,
  ReferenceError,
  SyntaxError,
  EvalError,
}

export function namedOperations(clock: InstantClock): NamedOperations {
  let running = 0
  let most = 0
  let attempts = 0
  let release: (() => void) | undefined

  const operation = (line: string): Operation<TestState> => {
    const [name, key = '', ...more] = line.split(' ')
    const rest = line.slice(name!.length + 1)
    const value = () => parse(more.join(' '))
    switch (name) {
      case 'same':
        return (state) => state
      case 'set':
        return (state) => ({ ...state, data: { ...state.data, [key]: value() } })
      case 'put':
        return (state) => ({ ...state, [key]: value() })
      case 'push':
        return (state) => {
          const seen = (state.data['seen'] ??= []) as unknown[]
          seen.push(rest)
          return state
        }
      case 'copy':
        return (state) => {
          const found = key.split('.').reduce<unknown>((at, part) => (at as TestState)[part], state)
          state.data[more[0]!.replace('data.', '')] = found
          return state
        }
      case 'grow':
        return (state) => ({ ...state, [key]: [...(state[key] as unknown[]), 1] })
      case 'drop':
        return ({ [key]: _, ...state }) => state
      case 'give':
        return () => parse(rest)
      case 'give-function':
        return (state) => () => state
      case 'keys':
        return (state) => ({ keys: Object.keys(state).sort() })
      case 'later':
        return (state) => new Promise((resolve) => setImmediate(() => resolve(state)))
      case 'thenable':
        return (state) => ({
          then: (resolve: (state: unknown) => void) => resolve({ ...state, data: { then: 1 } }),
        })
      case 'pass':
        return (state) => new Promise((resolve) => clock.setTimeout(() => resolve(state), Number(rest)))
      case 'never':
        return () => new Promise(() => {})
      case 'big':
        return (state) => ({ ...state, data: { text: 'x'.repeat(Number(rest)) } })
      case 'throw':
        return () => {
          throw new ERRORS[key]!(more.join(' '))
        }
      case 'throw-custom':
        return () => {
          throw new TeaError(rest)
        }
      case 'throw-value':
        return () => {
          throw parse(rest)
        }
      case 'throw-with':
        return () => {
          const { message, ...fields } = parse(rest) as { message: string }
          throw Object.assign(new Error(message), fields)
        }
      case 'throw-adaptor':
        return () => {
          const error = Object.assign(new Error(rest), { status: 500 })
          error.stack = `Error: ${rest}\n    at get (/app/node_modules/http-adaptor/index.js:10:5)`
          throw error
        }
      case 'reject':
        return () => Promise.reject(new Error(rest))
      case 'parse':
        return () => JSON.parse(rest)
      case 'mutate-and-fail':
        return (state) => {
          state.data['x'] = 2
          throw new Error('no')
        }
      case 'fail-times':
        return (state) => {
          if (++attempts <= Number(rest)) throw new Error(`attempt ${attempts}`)
          return state
        }
      case 'hang-times':
        return (state) => (++attempts <= Number(rest) ? new Promise(() => {}) : state)
      case 'meet':
        return async (state) => {
          await new Promise<void>((resolve) => {
            if (release) {
              release()
              resolve()
            } else release = resolve
          })
          return { ...state, data: { met: 2 } }
        }
      case 'count':
        return async (state) => {
          most = Math.max(most, ++running)
          for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
          running--
          return { ...state, data: { most } }
        }
      case 'special':
        return (state) => ({ ...state, data: special(rest) })
      default:
        throw new Error(`There is no operation "${line}"`)
    }
  }
  return { operation, condition, special }
}

function parse(text: string): unknown {
  return text === 'undefined' ? undefined : JSON.parse(text)
}

function condition(line: string): EdgeCondition<TestState> {
  const seen = ({ data }: TestState) => ((data['seen'] ?? []) as unknown[]).length
  const conditions: Readonly<Record<string, EdgeCondition<TestState>>> = {
    yes: () => true,
    no: () => false,
    'later no': () => Promise.resolve(false),
    throw: () => {
      throw new Error('not today')
    },
    write: (state) => (state.data['written'] = true),
    'is written': ({ data }) => data['written'],
    'fewer than 3': (state) => seen(state) < 3,
    '3 or more': (state) => seen(state) >= 3,
  }
  return conditions[line]!
}

/** Values that JSON has no text for, as `x`. */
function special(name: string): Record<string, unknown> {
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const shared = { y: 1 }
  class Instance {
    own = 1
    get derived() {
      return 2
    }
  }
  const values: Readonly<Record<string, () => unknown>> = {
    function: () => () => 1,
    undefined: () => undefined,
    symbol: () => Symbol('x'),
    date: () => new Date(0),
    regexp: () => /x/,
    map: () => new Map([[1, 2]]),
    set: () => new Set([1]),
    error: () => new Error('x'),
    promise: () => Promise.resolve(1),
    nan: () => NaN,
    infinity: () => Infinity,
    buffer: () => Buffer.from([1]),
    instance: () => new Instance(),
    holes: () => Object.assign(new Array<unknown>(2), { 1: 1 }),

    boxed: () => [new Number(1), new String('a'), new Boolean(true)],
    circular: () => circular,
    shared: () => [shared, shared],
    bigint: () => 1n,
    proto: () => JSON.parse('{"__proto__":{"polluted":true}}'),
    deep: () => nested(1_000),
  }
  if (name === 'getter') {
    return {
      get x(): unknown {
        throw new Error('not today')
      },
    }
  }
  return { x: values[name]!() }
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = { value }
  return value
}
