import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PendingTask } from '../../../src/workers/executor/pending-task.js'
import { TaskTable } from '../../../src/workers/executor/task-table.js'

describe('TaskTable', () => {
  it('finds each task by the number it gave, and no other, however long some stay and whoever else takes numbers', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant({ kind: 'add' } as const) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), at: fc.nat() }) },
      // Another executor on the same host.
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('skip' as const), count: fc.nat(200) }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const table = new TaskTable()
        const there = new Map<number, PendingTask>()
        const gone: PendingTask[] = []
        let lastId = 0
        for (const each of steps) {
          if (each.kind === 'skip') lastId += each.count
          else if (each.kind === 'add') {
            const task = { id: 0 } as PendingTask
            table.add(task, () => ++lastId)
            expect(there.has(task.id)).toBe(false)
            there.set(task.id, task)
          } else if (there.size > 0) {
            const task = [...there.values()][each.at % there.size]!
            expect(table.delete(task)).toBe(true)
            there.delete(task.id)
            gone.push(task)
          }
        }
        expect(table.size).toBe(there.size)
        expect(table.list()).toEqual([...there.values()])
        for (const [id, task] of there) expect(table.get(id)).toBe(task)
        for (const task of gone) {
          expect(table.get(task.id)).toBeUndefined()
          expect(table.delete(task)).toBe(false)
        }
      }),
    )
  })
})
