import { isSystemError } from '../../core/system-error.js'
import { equal, rejects } from './assertions.js'
import type { StorageConformanceOptions } from './conformance-options.js'
import { type AddCase, expectField, put } from './open-store.js'

export function addEndings(add: AddCase, { isDurable }: StorageConformanceOptions): void {
  add('finishes what was committed when it is closed, and refuses what comes later', async (store) => {
    const commits = Array.from({ length: 10 }, (_, index) => store.put([`k${index}`, index]))
    const closing = store.driver.close()
    await Promise.all(commits)
    await closing
    await store.driver.close()
    await store.driver[Symbol.asyncDispose]()
    await rejects(() => store.driver.get('k1'), 'UNAVAILABLE')
    await rejects(() => store.driver.scan({ prefix: '' }), 'UNAVAILABLE')
    await rejects(() => store.put(['k1', 1]), 'UNAVAILABLE')
  })

  if (!isDurable) return

  add('holds what was committed when it is opened again', async (store) => {
    await store.put(['a', { x: 1 }], ['b', 2], ['c', 3])
    await store.driver.commit([{ type: 'delete', key: 'b' }])
    await store.reopen()
    equal(await store.driver.scan({ prefix: '' }), [
      { key: 'a', value: { x: 1 } },
      { key: 'c', value: 3 },
    ])
  })

  add('shows what was committed to another driver on the same store', async (store) => {
    const other = await store.openAnother()
    await store.put(['a', 1])
    equal(await other.get('a'), 1)
    await other.commit([put('b', 2), { type: 'delete', key: 'a' }])
    equal(await store.driver.scan({ prefix: '' }), [{ key: 'b', value: 2 }])
  })

  add('lets exactly one of two drivers on the same store take each epoch', async (store) => {
    const drivers = [store.driver, await store.openAnother()]
    await store.put(['claim', { epoch: 0 }])
    let wins = 0
    for (let epoch = 0; epoch < 10; epoch++) {
      const attempts = drivers.flatMap((driver, owner) =>
        [0, 1, 2].map((attempt) =>
          driver.commit([
            expectField('claim', 'epoch', epoch),
            put('claim', { epoch: epoch + 1 }),
            expectField(`first/${epoch}`, 'owner', undefined),
            put(`first/${epoch}`, { owner, attempt }),
          ]),
        ),
      )
      const outcomes = await Promise.allSettled(attempts)
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') wins++
        else equal(isSystemError(outcome.reason) && outcome.reason.code, 'CONFLICT')
      }
    }
    equal(wins, 10)
    equal(await store.driver.get('claim'), { epoch: 10 })
  })
}
