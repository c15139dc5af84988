import { describe, expect, it } from 'vitest'
import * as z from 'zod/mini'
import { type StandardSchema, checkSchema, isStandardSchema } from '../../src/core/standard-schema.js'

const schemaOf = (validate: (value: unknown) => unknown): StandardSchema =>
  ({ '~standard': { version: 1, vendor: 'test', validate } }) as StandardSchema

describe('isStandardSchema()', () => {
  it('knows schemas that are objects and schemas that are functions', () => {
    expect(isStandardSchema(z.string())).toBe(true)
    expect(
      isStandardSchema(
        Object.assign(
          () => {},
          schemaOf(() => ({ value: 1 })),
        ),
      ),
    ).toBe(true)
  })

  it.each([
    null,
    undefined,
    'text',
    {},
    { '~standard': null },
    { '~standard': { version: 2, validate: () => 1 } },
  ])('refuses %j', (value) => {
    expect(isStandardSchema(value)).toBe(false)
  })

  it('takes an object that throws when it is read for none', () => {
    const hostile = {
      get '~standard'(): never {
        throw new Error('trap')
      },
    }
    expect(isStandardSchema(hostile)).toBe(false)
  })
})

describe('checkSchema()', () => {
  it('gives the value that the schema makes', () => {
    expect(checkSchema(z.pipe(z.string(), z.transform(Number)), '5')).toEqual({ ok: true, value: 5 })
  })

  it('gives every issue with its dotted path', () => {
    const check = checkSchema(
      z.object({ lines: z.array(z.object({ sku: z.string() })), total: z.number() }),
      {
        lines: [{ sku: 'a' }, { sku: 1 }],
      },
    )
    expect(check).toMatchObject({ ok: false, issues: [{ path: 'lines.1.sku' }, { path: 'total' }] })
  })

  it('reads path segments that are objects, and symbols', () => {
    const issues = [{ message: 'no', path: [{ key: 'a' }, 0, Symbol('s')] }, { message: 'none' }]
    expect(
      checkSchema(
        schemaOf(() => ({ issues })),
        1,
      ),
    ).toEqual({
      ok: false,
      issues: [
        { path: 'a.0.Symbol(s)', message: 'no' },
        { path: '', message: 'none' },
      ],
    })
  })

  it.each([
    ['throws', () => JSON.parse('{'), 'The schema itself threw'],
    ['answers with nothing', () => undefined, 'The schema itself threw'],
    ['answers with nonsense', () => ({ issues: 'many' }), 'The schema itself threw'],
    [
      'answers later',
      () => Promise.reject(new Error('unheard')),
      'The schema is asynchronous: use one that answers at once',
    ],
  ])('refuses the value when the schema %s', (_, validate, message) => {
    expect(checkSchema(schemaOf(validate), 1)).toMatchObject({ ok: false, issues: [{ path: '', message }] })
  })
})
