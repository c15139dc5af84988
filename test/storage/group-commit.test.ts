import { describe, expect, it } from 'vitest'
import { GroupCommit } from '../../src/storage/group-commit.js'

/** Turns and what runs after promises are taken by hand; groups are written as soon as they are begun. */
function open() {
  const groups: (readonly string[])[] = []
  const turns: (() => void)[] = []
  const afterwards: (() => void)[] = []
  const commits = new GroupCommit<string>({
    flush: (items) => {
      groups.push(items)
      return Promise.resolve(items.map(() => undefined))
    },
    schedule: (start) => turns.push(start),
    afterPromises: (start) => afterwards.push(start),
    maxGroup: 10,
    maxPending: 100,
  })
  /** Resolves when all promises have run, and what was to run after them. */
  const settle = async () => {
    for (;;) {
      for (let each = 0; each < 20; each++) await Promise.resolve()
      const start = afterwards.shift()
      if (!start) return
      start()
    }
  }
  const turn = async () => {
    for (const start of turns.splice(0)) start()
    await settle()
  }
  return { commits, groups, turn }
}

/** Commits one after the other, each as soon as the last is acknowledged. */
async function commitAll(commits: GroupCommit<string>, items: readonly string[]) {
  for (const item of items) await commits.add(item)
}

describe('GroupCommit', () => {
  it('writes in the same turn what one writer alone commits as soon as it is acknowledged, four at most', async () => {
    const { commits, groups, turn } = open()
    const all = commitAll(commits, ['a', 'b', 'c', 'd', 'e', 'f'])
    expect(groups).toEqual([])
    await turn()
    expect(groups).toEqual([['a'], ['b'], ['c'], ['d']])
    await turn()
    expect(groups).toEqual([['a'], ['b'], ['c'], ['d'], ['e'], ['f']])
    await all
  })

  it('waits for a turn once several commit, so that those who hear of something else then join them', async () => {
    const { commits, groups, turn } = open()
    const all = [commitAll(commits, ['a', 'b']), commitAll(commits, ['1', '2'])]
    await turn()
    expect(groups).toEqual([['a', '1']])
    all.push(commitAll(commits, ['x']))
    await turn()
    expect(groups).toEqual([
      ['a', '1'],
      ['b', '2', 'x'],
    ])
    await Promise.all(all)
  })

  it('waits for a turn where one that was alone has company when it comes back', async () => {
    const { commits, groups, turn } = open()
    const first = commits.add('a')
    const others = first.then(() => Promise.all([commits.add('b'), commits.add('c')]))
    await turn()
    expect(groups).toEqual([['a']])
    await turn()
    expect(groups).toEqual([['a'], ['b', 'c']])
    await others
  })

  it('is settled a turn after the last commit', async () => {
    const { commits, turn } = open()
    const done = commits.add('a')
    let isSettled = false
    const settled = commits.settle().then(() => (isSettled = true))
    await turn()
    await done
    expect(isSettled).toBe(false)
    await turn()
    expect(isSettled).toBe(true)
    await settled
  })
})
