import { describe, expect, it } from 'vitest'
import { type Issue, SystemError } from 'busline'
import { workerExecutor } from 'busline/workers'

const MANAGER = { taskHosts: { list: () => [], grow: () => undefined, kill: async () => {} } }

function faultsOf(options: unknown, manager: unknown = MANAGER): readonly string[] {
  try {
    workerExecutor(manager as typeof MANAGER, options as undefined)
    return []
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'VALIDATION') throw error
    return (error.context['issues'] as Issue[]).map(({ path }) => path)
  }
}

describe('an option of workerExecutor() that would do something else than it says', () => {
  it.each([
    ['tasksPerWorker', 0],
    ['tasksPerWorker', 1.5],
    ['tasksPerWorker', '4'],
    ['maxQueued', -1],
    ['maxQueued', null],
    ['cancelTimeout', 'soon'],
    ['cancelTimeout', null],
    ['workerTimeout', -1],
    ['workerTimeout', '5'],
    ['clock', 5],
  ])('is refused by its name: %s %j', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([name])
  })

  it.each([[null], [5], ['x'], [[]]])('is not looked for in what are no options: %j', (options) => {
    expect(faultsOf(options)).toEqual(['options'])
  })

  it.each([null, {}, 5, 'x'])('is not the only fault there can be: %j is no manager', (manager) => {
    expect(faultsOf({}, manager)).toEqual(['manager'])
  })

  it('has bounds that may be Infinity', () => {
    expect(faultsOf({ tasksPerWorker: Infinity, maxQueued: Infinity, workerTimeout: Infinity })).toEqual([])
  })
})
