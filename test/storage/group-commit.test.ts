import { describe, expect, it } from 'vitest'
import { SystemError } from '../../src/core/system-error.js'
import { GroupCommit, type GroupCommitOptions } from '../../src/storage/group-commit.js'

type Flush = GroupCommitOptions<string>['flush']

const takeAll: Flush = (items) => Promise.resolve(items.map(() => undefined))

/** Turns are taken by hand; groups are written as soon as they are begun. */
function open(flush = takeAll) {
  const groups: (readonly string[])[] = []
  const turns: (() => void)[] = []
  const commits = new GroupCommit<string>({
    flush: (items) => {
      groups.push(items)
      return flush(items)
    },
    schedule: (start) => turns.push(start),
    maxGroup: 10,
    maxPending: 100,
  })
  const turn = async () => {
    for (const start of turns.splice(0)) start()
    for (let each = 0; each < 20; each++) await Promise.resolve()
  }
  return { commits, groups, turns, turn }
}

/** Commits one after the other, each as soon as the last is acknowledged. */
async function commitAll(commits: GroupCommit<string>, items: readonly string[]) {
  for (const item of items) await commits.add(item)
}

describe('GroupCommit', () => {
  it('takes a turn between two groups, so that those who hear of something else then join the next', async () => {
    const { commits, groups, turn } = open()
    const all = [commitAll(commits, ['a', 'b']), commitAll(commits, ['1', '2'])]
    expect(groups).toEqual([])
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

  it('is settled when what waits has been written', async () => {
    const { commits, turn } = open()
    const done = commits.add('a')
    let isSettled = false
    const settled = commits.settle().then(() => (isSettled = true))
    await Promise.resolve()
    expect(isSettled).toBe(false)
    await turn()
    await done
    expect(isSettled).toBe(true)
    await settled
  })

  it('acknowledges within the turn of a group that was written at once', async () => {
    const refusal = new SystemError('CONFLICT', 'refused')
    const { commits, turns } = open((items) =>
      items.map((item) => (item === 'refused' ? refusal : undefined)),
    )
    const outcomes = Promise.allSettled([commits.add('a'), commits.add('refused')])
    turns.shift()!()
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(turns).toEqual([])
  })

  it.each([
    [
      'throws',
      () => {
        throw new SystemError('STORAGE', 'failed')
      },
    ],
    ['rejects', () => Promise.reject(new SystemError('STORAGE', 'failed'))],
  ])('refuses a group whose writing %s, and goes on with the next', async (_, fail) => {
    let isFailing = true
    const { commits, turns } = open((items) => (isFailing ? fail() : items.map(() => undefined)))
    const refused = commits.add('a')
    turns.shift()!()
    await expect(refused).rejects.toMatchObject({ code: 'STORAGE' })
    isFailing = false
    const next = commits.add('b')
    turns.shift()!()
    await next
  })
})
