import { simulatedClock } from 'busline/testing'
import { WorkerManager } from 'busline/workers'
import { describe, expect, it } from 'vitest'
import { silent } from '../hosts/host-kit.js'
import { type ScriptedHost, scriptedHosts } from './scripted-host.js'

function setUp(answer: Parameters<typeof scriptedHosts>[0] = {}) {
  const clock = simulatedClock()
  const host = scriptedHosts(answer)
  const manager = new WorkerManager({
    host,
    clock,
    logger: silent,
    messageTimeout: '1s',
    restart: { policy: 'never' },
  })
  return { clock, host, manager }
}

const queries = (host: ScriptedHost) => host.sent.filter(({ command }) => command === 'getRunners')

const change = (
  runnerId: string,
  workerId: string,
  seq: number,
  from: string,
  to: string,
  reason: string,
) => ({
  runnerId,
  workerId,
  seq,
  from,
  to,
  reason,
  at: seq,
})

describe('queries', () => {
  it('that come at the same time share one round', async () => {
    const { host, manager } = setUp({ answer: ({ command }) => (command === 'getRunners' ? [] : undefined) })
    await manager.addWorker()
    await Promise.all([manager.getWorkers(), manager.getWorkersCore(), manager.getWorkersCore()])
    expect(queries(host.opened[0]!)).toHaveLength(1)
    await manager.getWorkersCore()
    expect(queries(host.opened[0]!)).toHaveLength(2)
  })

  it('return without the worker that does not answer, whose state is marked as stale', async () => {
    let isSilent = false
    const { clock, host, manager } = setUp({
      answer: ({ command }, each) =>
        command === 'getRunners' && !(isSilent && each.name === 'mute') ? [] : undefined,
    })
    await manager.addWorker({ hostName: 'mute' })
    await manager.addWorker({ hostName: 'able' })
    isSilent = true
    const query = manager.getWorkersCore()
    await clock.advance('1s')
    expect((await query).map(({ hostName, stale }) => [hostName, stale])).toEqual([
      ['mute', true],
      ['able', false],
    ])
    isSilent = false
    expect((await manager.getWorkersCore())[0]!.stale).toBe(false)
    expect(host.opened).toHaveLength(2)
  })

  it('are answered at once when the host dies meanwhile', async () => {
    const { host, manager } = setUp()
    await manager.addWorker()
    const query = manager.getWorkersCore()
    host.opened[0]!.exit({ exitCode: 1 })
    expect(await query).toEqual([])
  })

  it('never move a state backwards with a reply that left earlier', async () => {
    let late: { id: number } | undefined
    const { clock, host, manager } = setUp({
      answer(message) {
        if (message.command !== 'getRunners') return {}
        late = message
        return undefined
      },
    })
    const worker = await manager.addWorker()
    const runner = await worker.addRunner({ testType: 'any' })
    const states: string[] = []
    runner.on('stateChange', ({ to }) => states.push(to))
    const [from] = host.opened
    const started = change(runner.id, worker.id, 1, 'initializing', 'running', 'start')
    from!.tell('stateChange', started)
    const query = manager.getWorkersCore()
    // Taken when the runner was running; it arrives when the runner has been paused.
    const report = {
      runnerId: runner.id,
      options: { testType: 'any' },
      optionsRevision: 1,
      state: 'running',
      seq: 1,
      history: [started],
    }
    from!.tell('stateChange', change(runner.id, worker.id, 2, 'running', 'paused', 'pause'))
    from!.reply(late!.id, [report])
    await clock.settle()
    expect((await query)[0]!.runners[0]).toMatchObject({ state: 'paused', seq: 2 })
    expect(states).toEqual(['running', 'paused'])
  })

  it('bring in what was missed, change by change', async () => {
    const changes = (runnerId: string, workerId: string) => [
      change(runnerId, workerId, 1, 'initializing', 'running', 'start'),
      change(runnerId, workerId, 2, 'running', 'paused', 'pause'),
      change(runnerId, workerId, 3, 'paused', 'running', 'resume'),
    ]
    let history: unknown[] = []
    let runnerId = ''
    const { clock, host, manager } = setUp({
      answer: ({ command }) => (command === 'getRunners' ? [{ runnerId, history }] : {}),
    })
    const worker = await manager.addWorker()
    const runner = await worker.addRunner({ testType: 'any' })
    runnerId = runner.id
    history = changes(runner.id, worker.id)
    const seen: string[] = []
    runner.on('stateChange', ({ to }) => seen.push(to))
    // The first two never arrive: the third gives that away.
    host.opened[0]!.tell('stateChange', history[2])
    await clock.settle()
    expect(seen).toEqual(['running', 'paused', 'running'])
  })

  it('end a runner that its client was told could not be added in time', async () => {
    let isLate = true
    const { clock, host, manager } = setUp({
      answer({ command, payload }) {
        if (command === 'addRunner') return isLate ? undefined : {}
        return command === 'getRunners' ? [{ runnerId: 'zombie', history: [] }] : payload
      },
    })
    const worker = await manager.addWorker()
    const added = worker.addRunner({ testType: 'any' })
    const refused = expect(added).rejects.toMatchObject({
      code: 'TIMEOUT',
      context: { reason: 'MESSAGE_TIMEOUT' },
    })
    await clock.advance('1s')
    await refused
    isLate = false
    await manager.getWorkersCore()
    expect(host.opened[0]!.sent.at(-1)).toMatchObject({
      command: 'command',
      payload: { command: 'terminate', runnerIds: ['zombie'] },
    })
  })
})
