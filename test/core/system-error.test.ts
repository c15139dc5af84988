import { describe, expect, it } from 'vitest'
import { type ErrorCode, SystemError, isSystemError, reviveError, serializeError } from 'busline'

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
  it.each([
    ['null', null],
    ['undefined', undefined],
    ['a string', 'plain'],
    ['a symbol', Symbol('s')],
    ['a bigint', 1n],
    ['a frozen error', Object.freeze(new Error('cold'))],
    ['an error that causes itself', cyclic],
    ['an object whose getter throws', hostile],
  ])('describes %s as plain JSON', (_, thrown) => {
    const data = serializeError(thrown)
    expect(typeof data.message).toBe('string')
    expect(JSON.parse(JSON.stringify(data))).toEqual(data)
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
