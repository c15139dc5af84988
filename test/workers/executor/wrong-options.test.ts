import { describe, expect, it } from 'vitest'
import { workerExecutor } from 'busline/workers'
import { stepTask, taskControl } from '../../remote/step-task.js'
import { faultsOf } from '../../core/faults-of.js'

const MANAGER = { taskHosts: { list: () => [], grow: () => undefined, kill: async () => {} } }

const refused = (options: unknown, manager: unknown = MANAGER) =>
  faultsOf(() => workerExecutor(manager as typeof MANAGER, options as undefined))

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
    expect(refused({ [name]: value })).toEqual([name])
  })

  it.each([[null], [5], ['x'], [[]]])('is not looked for in what are no options: %j', (options) => {
    expect(refused(options)).toEqual(['options'])
  })

  it.each([null, {}, 5, 'x'])('is not the only fault there can be: %j is no manager', (manager) => {
    expect(refused({}, manager)).toEqual(['manager'])
  })

  it('has bounds that may be Infinity', () => {
    expect(refused({ tasksPerWorker: Infinity, maxQueued: Infinity, workerTimeout: Infinity })).toEqual([])
  })
})

describe('a task whose requirements are no object', () => {
  it.each([[null], [undefined], ['gpu'], [5], [['gpu']]])('is refused: %j', async (requires) => {
    const executor = workerExecutor(MANAGER)
    const task = stepTask('work', 1, { requires: requires as never })
    await expect(executor.execute(task, taskControl())).rejects.toMatchObject({
      code: 'VALIDATION',
      context: { path: 'requires' },
    })
    await executor.close()
  })
})
