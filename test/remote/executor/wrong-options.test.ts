import { describe, expect, it, onTestFinished } from 'vitest'
import { WorkerServer, remoteExecutor } from 'busline/remote'
import { faultsOf } from '../../core/faults-of.js'
import { openServer } from '../open-server.js'
import { stepTask, taskControl } from '../step-task.js'

const refused = (options: unknown, server: unknown = new WorkerServer()) =>
  faultsOf(() => remoteExecutor(server as WorkerServer, options as undefined))

describe('an option of remoteExecutor() that would do something else than it says', () => {
  it.each([
    ['maxQueued', '5'],
    ['maxQueued', -1],
    ['maxQueued', 1.5],
    ['maxQueued', null],
    ['maxDispatches', '2'],
    ['maxDispatches', 0],
    ['maxDispatches', NaN],
    ['queueTimeout', 'soon'],
    ['queueTimeout', null],
    ['unknownTaskTimeout', -1],
    ['clock', 5],
  ])('is refused by its name: %s %j', (name, value) => {
    expect(refused({ [name]: value })).toEqual([name])
  })

  it('is shown as it was given', () => {
    expect(() => remoteExecutor(new WorkerServer(), { maxQueued: '5' as never })).toThrow(
      'Cannot make a remote executor: "maxQueued" must be a whole number from 0: it is "5"',
    )
  })

  it('is told together with all others that are wrong', () => {
    expect(refused({ maxQueued: '5', maxDispatches: 0, queueTimeout: 'x' })).toEqual([
      'maxQueued',
      'queueTimeout',
      'maxDispatches',
    ])
  })

  it.each([[null], [5], ['x'], [[]]])('is not looked for in what are no options: %j', (options) => {
    expect(refused(options)).toEqual(['options'])
  })

  it.each([null, {}, 5, 'x'])('is not the only fault there can be: %j is no server', (server) => {
    expect(refused({}, server)).toEqual(['server'])
  })

  it('has bounds that may be Infinity', () => {
    expect(refused({ maxQueued: Infinity, maxDispatches: Infinity, queueTimeout: Infinity })).toEqual([])
  })
})

describe('a task whose requirements are no object', () => {
  it.each([[null], [undefined], ['gpu'], [5], [['gpu']]])('is refused: %j', async (requires) => {
    const executor = remoteExecutor(await openServer())
    onTestFinished(() => executor.close())
    const task = stepTask('work', 1, { requires: requires as never })
    await expect(executor.execute(task, taskControl())).rejects.toMatchObject({
      code: 'VALIDATION',
      message: expect.stringContaining('"requires" must be an object') as string,
      context: { task: 'work', path: 'requires' },
    })
  })
})
