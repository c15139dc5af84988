import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PendingRun, PendingRuns } from '../../src/timeline/pending-runs.js'
import type { RunRecording } from '../../src/timeline/run-recording.js'

const SIZE = 6
const index = fc.nat(SIZE - 1)

describe('PendingRuns', () => {
  it('gives out each run once, the urgent ones by themselves if wanted, in the order in which they came', () => {
    const command = fc.record({
      does: fc.constantFrom('add', 'addUrgent', 'delete', 'take', 'takeUrgent'),
      index,
    })
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const places = Array.from({ length: SIZE }, (_, name) => new PendingRun({ name } as never))
        const runs = new PendingRuns()
        let all: number[] = []
        let urgent: number[] = []
        const names = (taken: readonly RunRecording[]) =>
          taken.map((run) => (run as never as { readonly name: number }).name)
        for (const { does, index: at } of commands) {
          const place = places[at]!
          if (does === 'add' || does === 'addUrgent') {
            runs.add(place, does === 'addUrgent')
            if (!all.includes(at)) all.push(at)
            if (does === 'addUrgent' && !urgent.includes(at)) urgent.push(at)
          } else if (does === 'delete') {
            runs.delete(place)
            all = all.filter((each) => each !== at)
            urgent = urgent.filter((each) => each !== at)
          } else if (does === 'take') {
            expect(names(runs.take())).toEqual(all)
            all = []
            urgent = []
          } else {
            const taken = names(runs.takeUrgent())
            expect([...taken].sort()).toEqual([...urgent].sort())
            all = all.filter((each) => !taken.includes(each))
            urgent = []
          }
          expect(names(runs.runs)).toEqual(all)
          expect([runs.size, runs.urgentCount]).toEqual([all.length, urgent.length])
        }
      }),
    )
  })
})
