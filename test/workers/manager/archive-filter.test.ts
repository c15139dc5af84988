import { describe, expect, it, onTestFinished } from 'vitest'
import { WorkerManager, defineRunner, inProcessHost } from 'busline/workers'
import { refusedPaths } from '../../core/faults-of.js'
import { quietLogger } from '../../remote/quiet-logger.js'

async function openArchive() {
  const runners = { short: defineRunner({ execute() {} }) }
  const manager = new WorkerManager({ host: inProcessHost({ runners }), logger: quietLogger() })
  onTestFinished(() => manager.close())
  return manager
}

async function refused(filter: unknown): Promise<readonly string[]> {
  const manager = await openArchive()
  return manager.getArchiveList(filter as undefined).then(() => [], refusedPaths)
}

describe('a filter of the archive that would find nothing, or everything, without a word', () => {
  it.each([
    ['since', 'x'],
    ['since', '1700000000000'],
    ['since', NaN],
    ['since', null],
    ['since', new Date(0)],
    ['runnerId', 5],
    ['workerId', null],
    ['tag', ['a']],
    ['state', null],
    ['limit', '3'],
    ['limit', 0],
    ['status', 'error'],
  ])('is refused by its name: %s %j', async (name, value) => {
    expect(await refused({ [name]: value })).toEqual([name])
  })

  it.each([[null], [5], ['x'], [[]]])('is refused when it is no filter: %j', async (filter) => {
    expect(await refused(filter)).toEqual(['filter'])
  })

  it('is told together with all that is wrong with it', async () => {
    expect(await refused({ since: 'x', limit: 0, tag: 5 })).toEqual(['tag', 'since', 'limit'])
  })
})

describe('a filter of the archive', () => {
  it.each([
    [{}],
    [undefined],
    [{ since: 0, limit: Infinity }],
    [{ since: -Infinity, tag: 'a', state: 'error', runnerId: 'r', workerId: 'w' }],
    [{ since: undefined, tag: undefined, limit: undefined }],
  ])('is taken when it is well formed: %j', async (filter) => {
    expect(await refused(filter)).toEqual([])
  })
})
