import type { StorageOperation } from '../../storage/storage-driver.js'
import { equal, rejects } from './assertions.js'
import { type AddCase, expectField, put } from './open-store.js'

export function addCommits(add: AddCase): void {
  add('applies the operations of a commit in order', async (store) => {
    await store.put(['a/1', 0], ['a/2', 0])
    await store.driver.commit([
      put('a/3', 0),
      { type: 'deletePrefix', prefix: 'a/' },
      put('a/2', 'again'),
      put('b', 1),
      put('b', 2),
      { type: 'delete', key: 'b' },
      put('c', 1),
      { type: 'delete', key: 'c' },
      put('c', 2),
    ])
    equal(await store.driver.scan({ prefix: '' }), [
      { key: 'a/2', value: 'again' },
      { key: 'c', value: 2 },
    ])
  })

  add('resolves a commit without operations', async ({ driver }) => {
    await driver.commit([])
  })

  add('commits when the expectations hold, and judges them by the state before the commit', async (store) => {
    await store.put(['run', { epoch: 1, owner: 'a' }])
    await store.driver.commit([
      put('run', { epoch: 2, owner: 'b' }),
      expectField('run', 'epoch', 1),
      expectField('run', 'owner', 'a'),
      expectField('other', 'epoch', undefined),
      put('other', { epoch: 1 }),
    ])
    equal(await store.driver.get('run'), { epoch: 2, owner: 'b' })
    equal(await store.driver.get('other'), { epoch: 1 })
  })

  add('refuses the whole commit with CONFLICT when one expectation fails', async (store) => {
    await store.put(['run', { epoch: 1, text: '1', missing: null }], ['word', 'text'])
    const before = await store.driver.scan({ prefix: '' })
    const failing: StorageOperation[] = [
      expectField('run', 'epoch', 2),
      expectField('run', 'epoch', '1'),
      expectField('run', 'text', 1),
      expectField('run', 'epoch', undefined),
      expectField('run', 'nothing', undefined),
      expectField('run', 'missing', 'null'),
      expectField('run', 'toString', 'x'),
      expectField('none', 'epoch', 1),
      expectField('word', 'length', 4),
    ]
    for (const failed of failing) {
      const operations: StorageOperation[] = [put('new', 1), failed, { type: 'deletePrefix', prefix: '' }]
      const error = await rejects(() => store.driver.commit(operations), 'CONFLICT')
      equal(error.context.key, (failed as { key: string }).key)
    }
    equal(await store.driver.scan({ prefix: '' }), before)
  })

  add('lets exactly one of many concurrent commits with the same expectation through', async (store) => {
    await store.put(['run', { epoch: 0 }])
    for (let epoch = 0; epoch < 5; epoch++) {
      const attempts = Array.from({ length: 20 }, (_, index) =>
        store.driver.commit([
          expectField('run', 'epoch', epoch),
          put('run', { epoch: epoch + 1, winner: index }),
          put(`trace/${epoch}/${index}`, 0),
        ]),
      )
      const outcomes = await Promise.allSettled(attempts)
      const winners = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []))
      equal(winners.length, 1)
      equal(await store.driver.get('run'), { epoch: epoch + 1, winner: winners[0] })
      equal(await store.keys({ prefix: `trace/${epoch}/` }), [`trace/${epoch}/${winners[0]}`])
    }
  })

  add('does not let a commit that is refused touch those made at the same time', async (store) => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, index) => {
        if (index % 3 === 1) return store.driver.commit([expectField('none', 'x', 1), put(`bad/${index}`, 0)])
        if (index % 3 === 2) return store.driver.commit([put(`bad/${index}`, 0), put('bad', () => 0)])
        return store.driver.commit([put(`good/${String(index).padStart(2, '0')}`, index)])
      }),
    )
    outcomes.forEach(({ status }, index) => equal(status, index % 3 === 0 ? 'fulfilled' : 'rejected'))
    equal((await store.keys()).length, 20)
    equal((await store.keys({ prefix: 'good/' })).length, 20)
  })

  add('judges many expectations at once, each by the record that it names', async (store) => {
    // Keys as they may come: quotes, what JSON escapes, letters of many bytes, half a surrogate pair.
    const names = [
      'plain',
      'quo"te',
      "apo'strophe",
      'back\\slash',
      'tab\t',
      'ünï',
      '漢字',
      '🚌',
      '\ud83d',
      '{"a":1}',
    ]
    const keys = names.flatMap((name) => Array.from({ length: 6 }, (_, index) => `many/${name}/${index}`))
    const stored = keys.filter((_, index) => index % 2 === 0)
    await store.put(...stored.map((key): [string, unknown] => [key, { of: key }]))
    const holds = keys.map((key, index) => expectField(key, 'of', index % 2 === 0 ? key : undefined))
    await store.driver.commit([...holds, put('one', 1)])
    equal(await store.driver.get('one'), 1)
    for (const wrong of [0, 1, keys.length - 1]) {
      const key = keys[wrong]!
      const failing = holds.map((each, index) => (index === wrong ? expectField(key, 'of', 'else') : each))
      const error = await rejects(() => store.driver.commit([...failing, put('two', 2)]), 'CONFLICT')
      equal(error.context.key, key)
    }
    const outcomes = await Promise.allSettled(
      keys.map((key) => store.driver.commit([expectField(key, 'of', key), put(key, { of: 'done' })])),
    )
    outcomes.forEach(({ status }, index) => equal(status, index % 2 === 0 ? 'fulfilled' : 'rejected'))
    equal(await store.driver.get('two'), undefined)
  })

  add('applies commits made without waiting in the order they were made', async (store) => {
    const commits = Array.from({ length: 100 }, (_, index) =>
      store.put(['last', index], [`each/${index}`, index]),
    )
    await Promise.all(commits)
    equal(await store.driver.get('last'), 99)
    equal((await store.keys({ prefix: 'each/' })).length, 100)
  })

  add('shows a commit to every reader once it is acknowledged', async (store) => {
    for (let index = 0; index < 20; index++) {
      await store.put(['x', index])
      equal(await store.driver.get('x'), index)
      equal(await store.driver.scan({ prefix: 'x' }), [{ key: 'x', value: index }])
    }
  })
}
