import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Linked, LinkedList } from '../../src/core/linked-list.js'

class Member extends Linked {
  readonly name: number

  constructor(name: number) {
    super()
    this.name = name
  }
}

const SIZE = 6
const index = fc.nat(SIZE - 1)

describe('LinkedList', () => {
  it('keeps the order in which members came, whoever leaves and comes again', () => {
    const command = fc.record({ does: fc.constantFrom('add', 'delete'), index })
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const members = Array.from({ length: SIZE }, (_, name) => new Member(name))
        const list = new LinkedList<Member>()
        const model: Member[] = []
        for (const { does, index: at } of commands) {
          const member = members[at]!
          const isIn = model.includes(member)
          if (does === 'add') {
            list.add(member)
            if (!isIn) model.push(member)
          } else {
            list.delete(member)
            if (isIn) model.splice(model.indexOf(member), 1)
          }
          const names = (each: readonly Member[]) => each.map(({ name }) => name)
          expect(names(list.toArray())).toEqual(names(model))
          expect(list.size).toBe(model.length)
          expect(list.first?.name).toBe(model[0]?.name)
          expect(members.filter(({ isListed }) => isListed)).toHaveLength(model.length)
        }
      }),
    )
  })

  it('lets go of who leaves, and who leaves lets go of it', () => {
    const members = [0, 1, 2].map((name) => new Member(name))
    const list = new LinkedList<Member>()
    for (const member of members) list.add(member)
    list.delete(members[1]!)
    expect([members[1]!.before, members[1]!.after]).toEqual([undefined, undefined])
    expect([members[0]!.after, members[2]!.before]).toEqual([members[2], members[0]])
  })
})
