import { type StorageDriver, type StorageOperation, memoryStorage } from 'busline'

/**
 * What the runtime keeps, in memory while a step of simulated time is under way, and on a disk from its end on: a step is one
 * transaction, with everything the example itself has counted in it. A disk takes real time, of which simulated time
 * must know nothing: otherwise no two replays of one seed would be the same.
 */
export interface StepStorage extends StorageDriver {
  /** Ends a step: all that was committed in it, and `record`, are on the disk when it resolves. */
  endStep(record: { readonly key: string; readonly value: unknown }): Promise<void>
}

/** @param disk Where to begin from, and to write to. @default nowhere */
export async function openStepStorage(disk?: StorageDriver): Promise<StepStorage> {
  const memory = memoryStorage()
  if (disk) {
    for (let after: string | undefined; ;) {
      const page = await disk.scan(after === undefined ? { prefix: '' } : { prefix: '', after })
      await memory.commit(page.map((record) => ({ type: 'put', ...record })))
      if (page.length < 1000) break
      after = page.at(-1)!.key
    }
  }
  let step: StorageOperation[] = []
  return {
    name: 'steps',
    isDurable: true,
    get: (key) => memory.get(key),
    scan: (options) => memory.scan(options),
    commit: async (operations) => {
      await memory.commit(operations)
      step.push(...operations.filter(({ type }) => type !== 'expect'))
    },
    endStep: async (record) => {
      const operations = step
      step = []
      await disk?.commit([...operations, { type: 'put', ...record }])
    },
    close: () => memory.close(),
    [Symbol.asyncDispose]: () => memory.close(),
  }
}
