import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSystemError } from 'busline'
import type { StorageConformanceTarget } from '../../src/testing/storage-conformance.js'
import type { ScanOptions, StorageDriver, StorageOperation } from '../../src/storage/storage-driver.js'

/** A store as simple as can be: a sorted copy per question. */
export class Model {
  records = new Map<string, unknown>()

  commit(operations: readonly StorageOperation[]): 'committed' | 'CONFLICT' {
    for (const operation of operations) {
      if (operation.type !== 'expect') continue
      const value = this.records.get(operation.key) as Record<string, unknown> | undefined
      const isMet =
        operation.equals === undefined ? value === undefined : value?.[operation.field] === operation.equals
      if (!isMet) return 'CONFLICT'
    }
    for (const operation of operations) {
      if (operation.type === 'put') this.records.set(operation.key, operation.value)
      if (operation.type === 'delete') this.records.delete(operation.key)
      if (operation.type === 'deletePrefix') {
        for (const key of [...this.records.keys()])
          if (key.startsWith(operation.prefix)) this.records.delete(key)
      }
    }
    return 'committed'
  }

  scan({ prefix, after, limit = 1000, reverse = false }: ScanOptions): { key: string; value: unknown }[] {
    const sorted = [...this.records].map(([key, value]) => ({ key, value }))
    sorted.sort((one, other) => (one.key < other.key ? -1 : 1))
    if (reverse) sorted.reverse()
    return sorted
      .filter(({ key }) => key.startsWith(prefix))
      .filter(({ key }) => after === undefined || (reverse ? key < after : key > after))
      .slice(0, limit)
  }
}

type Command =
  | { type: 'commits'; commits: StorageOperation[][] }
  | { type: 'get'; key: string }
  | { type: 'scan'; options: ScanOptions }
  | { type: 'reopen' }

// Few and near: collisions, prefixes of each other, and the characters around which orders differ.
const unit = fc.constantFrom('a', 'b', '/', '\u0001', '\ud7ff', '\ud800', '\udc00', '\uffff', 'é')
export const key = fc.string({ unit, minLength: 1, maxLength: 3 })
export const prefix = fc.string({ unit, maxLength: 2 })
// Stores refuse `__proto__`, which is a case of its own.
const json = fc
  .jsonValue({ maxDepth: 2 })
  .filter((data) => !JSON.stringify(data).includes('__proto__'))
  .map(withoutMinusZero)
export const value = fc.record({ epoch: fc.nat(2), data: json })

const operation: fc.Arbitrary<StorageOperation> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('put' as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('deletePrefix' as const), prefix }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('expect' as const),
      key,
      field: fc.constant('epoch'),
      equals: fc.option(fc.nat(2), { nil: undefined }),
    }),
  },
)
export const scan = fc.record(
  { prefix, after: key, limit: fc.integer({ min: 1, max: 5 }), reverse: fc.boolean() },
  { requiredKeys: ['prefix'] },
)

/** JSON has no -0; that it becomes 0 is a case of its own. */
function withoutMinusZero(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data))
}

async function outcomeOf(commit: Promise<void>): Promise<string> {
  try {
    await commit
    return 'committed'
  } catch (error) {
    return isSystemError(error) ? error.code : String(error)
  }
}

/**
 * Any sequence of commits (several at once), reads and, where the store is durable, reopenings gives what a trivial
 * in-memory model gives.
 */
export function describeModel(
  create: () => StorageConformanceTarget | Promise<StorageConformanceTarget>,
  { runs, canReopen = false }: { runs: number; canReopen?: boolean },
): void {
  const commands: fc.Arbitrary<Command>[] = [
    fc.record({
      type: fc.constant('commits' as const),
      commits: fc.array(fc.array(operation, { maxLength: 6 }), { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ type: fc.constant('get' as const), key }),
    fc.record({ type: fc.constant('scan' as const), options: scan }),
  ]
  if (canReopen) commands.push(fc.record({ type: fc.constant('reopen' as const) }))

  describe('against a model', () => {
    it('answers any sequence of commands as the model does', { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.oneof(...commands), { maxLength: 25 }), async (sequence) => {
          const target = await create()
          const model = new Model()
          let driver: StorageDriver = await target.open()
          try {
            for (const command of sequence) {
              if (command.type === 'commits') {
                const made = command.commits.map((operations) => outcomeOf(driver.commit(operations)))
                expect(await Promise.all(made)).toEqual(command.commits.map((each) => model.commit(each)))
              } else if (command.type === 'get') {
                expect(await driver.get(command.key)).toEqual(model.records.get(command.key))
              } else if (command.type === 'scan') {
                expect(await driver.scan(command.options)).toEqual(model.scan(command.options))
              } else {
                await driver.close()
                driver = await target.open()
              }
            }
            expect(await driver.scan({ prefix: '' })).toEqual(model.scan({ prefix: '' }))
          } finally {
            await driver.close()
            await target.remove?.()
          }
        }),
        { numRuns: runs },
      )
    })
  })
}
