import { addBasics } from './storage-conformance/basics.js'
import { addCommits } from './storage-conformance/commits.js'
import type { StorageConformanceOptions } from './storage-conformance/conformance-options.js'
import { addEndings } from './storage-conformance/endings.js'
import { OpenStore, type StorageConformanceTarget } from './storage-conformance/open-store.js'
import { addScans } from './storage-conformance/scans.js'
import { addValues } from './storage-conformance/values.js'

export type { StorageConformanceOptions } from './storage-conformance/conformance-options.js'
export type { StorageConformanceTarget } from './storage-conformance/open-store.js'

/** One requirement. `run` rejects when it is not met. */
export interface StorageConformanceCase {
  readonly title: string
  readonly run: () => Promise<void>
}

/**
 * What every {@link StorageDriver} must do, as a list of cases for any test runner:
 *
 * ```ts
 * describe('my storage', () => {
 *   for (const { title, run } of storageConformance('mine', openTarget, { isDurable: true, values: 'json' })) test(title, run)
 * })
 * ```
 *
 * @param name What the driver must call itself.
 * @param create Makes a new, empty backing store; called once per case.
 */
export function storageConformance(
  name: string,
  create: () => StorageConformanceTarget | Promise<StorageConformanceTarget>,
  options: StorageConformanceOptions,
): StorageConformanceCase[] {
  const cases: StorageConformanceCase[] = []
  const add = (title: string, body: (store: OpenStore) => Promise<void>) => {
    cases.push({
      title,
      async run() {
        const store = await OpenStore.create(await create())
        try {
          await body(store)
        } finally {
          await store.dispose()
        }
      },
    })
  }
  addBasics(add, name, options)
  addScans(add)
  addCommits(add)
  addValues(add, options)
  addEndings(add, options)
  return cases
}
