import { describe, expect, it } from 'vitest'
import {
  type ErrorCode,
  type SerializedError,
  SystemError,
  isSystemError,
  reviveError,
  serializeError,
} from 'busline'

const throughJson = (error: unknown) =>
  reviveError(JSON.parse(JSON.stringify(serializeError(error))) as never)

describe('SystemError', () => {
  it('survives JSON with its code, context, parts and chain of causes', () => {
    const root = Object.assign(new TypeError('no socket'), { code: 'ECONNRESET' })
    const step = new SystemError('TIMEOUT', 'Step "a" took too long', {
      cause: root,
      context: { stepId: 'a' },
    })
    const error = new SystemError('EXECUTION_FAILED', 'Stage failed', {
      errors: [step],
      context: { runId: 'r', issues: [{ path: 'x', message: 'y' }] },
    })
    const revived = throughJson(error) as SystemError
    expect(isSystemError(revived)).toBe(true)
    expect(revived).toMatchObject({
      code: 'EXECUTION_FAILED',
      message: 'Stage failed',
      context: error.context,
    })
    expect(revived.stack).toBe(error.stack)
    expect(revived.errors?.[0]).toMatchObject({ code: 'TIMEOUT', context: { stepId: 'a' } })
    expect(revived.errors?.[0]?.cause).toMatchObject({
      name: 'TypeError',
      message: 'no socket',
      code: 'ECONNRESET',
    })
  })

  it('is recognised when another copy of the library made it', () => {
    const foreign = new Error('x')
    Object.defineProperty(foreign, Symbol.for('busline.SystemError'), { value: true })
    expect(isSystemError(foreign)).toBe(true)
    expect(isSystemError({ code: 'TIMEOUT' satisfies ErrorCode })).toBe(false)
  })
})

describe('serializeError()', () => {
  const cyclic = new Error('outer')
  cyclic.cause = cyclic
  const hostile = Object.defineProperty({}, 'message', {
    get() {
      throw new Error('trap')
    },
  })
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const unreadable = new Proxy(new Error('x'), {
    get() {
      throw new Error('trap')
    },
    getPrototypeOf() {
      throw new Error('trap')
    },
  })
  it.each([
    ['null', null],
    ['undefined', undefined],
    ['a string', 'plain'],
    ['a symbol', Symbol('s')],
    ['a bigint', 1n],
    ['a frozen error', Object.freeze(new Error('cold'))],
    ['an error that causes itself', cyclic],
    ['an object whose getter throws', hostile],
    ['an object that throws at whatever is asked', unreadable],
    ['a proxy that was revoked', revoked.proxy],
    [
      'an error whose parts are a proxy that was revoked',
      Object.assign(new Error('x'), { errors: revoked.proxy }),
    ],
  ])('describes %s as plain JSON', (_, thrown) => {
    const data = serializeError(thrown)
    expect(typeof data.message).toBe('string')
    expect(JSON.parse(JSON.stringify(data))).toEqual(data)
  })

  it('keeps a chain of fifty causes', () => {
    let error = new SystemError('TIMEOUT', 'Cause 0')
    for (let index = 1; index <= 50; index++) {
      error = new SystemError('EXECUTION_FAILED', `Cause ${index}`, { cause: error, context: { index } })
    }
    let revived: unknown = throughJson(error)
    for (let index = 50; index > 0; index--) {
      expect(revived).toMatchObject({
        code: 'EXECUTION_FAILED',
        message: `Cause ${index}`,
        context: { index },
      })
      revived = (revived as SystemError).cause
    }
    expect(revived).toMatchObject({ code: 'TIMEOUT', message: 'Cause 0' })
  })

  it('comes to an end with parts that hold one another', () => {
    const parts: Error[] = Array.from({ length: 20 }, (_, index) => new Error(`Part ${index}`))
    for (const part of parts) Object.assign(part, { cause: parts[0], errors: parts })
    let count = 0
    const countAll = ({ cause, errors = [] }: SerializedError) => {
      count++
      for (const each of cause ? [cause, ...errors] : errors) countAll(each)
    }
    countAll(serializeError(parts[7]))
    expect(count).toBe(1000)
  })

  it('drops a context that is not JSON, and nothing else', () => {
    const context: Record<string, unknown> = {}
    context['self'] = context
    expect(serializeError(new SystemError('CAPACITY', 'full', { context }))).toMatchObject({
      code: 'CAPACITY',
      message: 'full',
    })
  })
})
