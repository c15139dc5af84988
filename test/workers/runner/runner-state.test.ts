import { RUNNER_COMMANDS, RUNNER_STATES } from 'busline/workers'
import { describe, expect, it } from 'vitest'
import { allowedCommands, isFinal, isRepeat, nextState } from '../../../src/workers/runner/runner-state.js'
import { expectedState } from '../hosts/host-kit.js'

describe('the table of states', () => {
  for (const from of RUNNER_STATES) {
    it(`leads on from ${from} as the requirements say`, () => {
      for (const on of [...RUNNER_COMMANDS, 'exhausted', 'fault'] as const) {
        expect(nextState(from, on), `${from} on ${on}`).toBe(expectedState(from, on))
      }
    })
  }

  it('has four states that are final, which allow nothing', () => {
    const final = RUNNER_STATES.filter(isFinal)
    expect(final).toEqual(['stopped', 'completed', 'error', 'terminated'])
    for (const state of final) expect(allowedCommands(state)).toEqual([])
  })

  it('takes the command that led to an end as done, when it comes again', () => {
    const repeats = RUNNER_STATES.flatMap((state) =>
      RUNNER_COMMANDS.filter((command) => isRepeat(state, command)).map((command) => [state, command]),
    )
    expect(repeats).toEqual([
      ['stopped', 'stop'],
      ['terminated', 'terminate'],
    ])
  })
})
