import type { TelemetrySnapshot } from 'busline/workers'
import { type HostCase, IDLING, checkPath, refusal, same, until } from './host-kit.js'

/** What runners do, on every kind of host. */
export const runnerCases: readonly HostCase[] = [
  {
    title: 'an execution profile of 40 iterations runs 40, and its last numbers come before its end',
    async run(kit) {
      const manager = kit.manager()
      const worker = await manager.addWorker({ hostName: 'one', agentId: 'agent', tags: ['a'] })
      const runner = await worker.addRunner({ testType: 'count', executionProfile: { iterations: 40 } })
      let atEnd: TelemetrySnapshot | undefined
      runner.on('archived', () => (atEnd = runner.telemetry))
      same(await runner.start(), 'running')
      const entry = await runner.ended()
      same([entry.state, atEnd?.iterationCount, atEnd?.requestCount, atEnd?.tx], ['completed', 40, 40, 400])
      checkPath(entry.runnerHistory)
      same(await manager.getArchiveList({}), [entry])
      same(worker.core?.runners, [])
      same([worker.core?.hostName, worker.core?.agentId, worker.core?.tags], ['one', 'agent', ['a']])
    },
  },
  {
    title: 'each runner of an object has a state of its own',
    async run(kit) {
      const worker = await kit.manager().addWorker()
      const lines: string[][] = []
      for (let count = 1; count <= 2; count++) {
        const runner = await worker.addRunner({ testType: 'own', executionProfile: { iterations: 3 } })
        const seen: string[] = []
        runner.on('telemetry', ({ message }) => seen.push(...message))
        await runner.start()
        await runner.ended()
        lines.push(seen)
      }
      same(lines, [
        ['1', '2', '3'],
        ['1', '2', '3'],
      ])
    },
  },
  {
    title: 'the hooks of an end are those that the way of ending has',
    async run(kit) {
      let hooks: unknown[] = []
      const manager = kit.manager({ handlers: { hook: (name) => void hooks.push(name) } })
      const worker = await manager.addWorker()
      const hooksOf = async (end: 'stop' | 'terminate' | 'complete') => {
        hooks = []
        const runner = await worker.addRunner({ ...IDLING, testType: 'hooks' })
        await runner.start()
        await runner.pause()
        await runner.reset()
        await runner.update({ options: { a: 1 } })
        await runner.resume()
        if (end === 'complete') await runner.update({ executionProfile: { iterations: 0 } })
        else await runner[end]()
        await runner.ended()
        return hooks.slice(5)
      }
      same(await hooksOf('stop'), ['stop', 'completed'], 'hooks of stop')
      same(await hooksOf('terminate'), ['terminate'], 'hooks of terminate')
      same(await hooksOf('complete'), ['update', 'completed'], 'hooks of an end by itself')
      same(hooks.slice(0, 5), ['start', 'pause', 'reset', 'update', 'resume'])
    },
  },
  {
    title: 'a failure in user code ends its runner in state error, with what was thrown, and no other',
    async run(kit) {
      const manager = kit.manager({ handlers: { hook: () => undefined } })
      const worker = await manager.addWorker()
      const other = await worker.addRunner(IDLING)
      await other.start()
      for (const failAt of ['start', 'execute', 'pause', 'resume', 'reset', 'update', 'stop', 'completed']) {
        const runner = await worker.addRunner({ ...IDLING, testType: 'hooks', options: { failAt } })
        const commands = async () => {
          await runner.start()
          await runner.pause()
          await runner.reset()
          await runner.update({ options: { more: 1 } })
          await runner.resume()
          await runner.stop()
        }
        const refused = commands().then(
          () => undefined,
          () => undefined,
        )
        const entry = await runner.ended()
        await refused
        same([failAt, entry.state, entry.error?.cause?.message], [failAt, 'error', `no ${failAt}`])
        checkPath(entry.runnerHistory)
      }
      same(other.state, 'running')
    },
  },
  {
    title: 'what the hook terminate throws is kept, and the runner is terminated',
    async run(kit) {
      const manager = kit.manager({ handlers: { hook: () => undefined } })
      const worker = await manager.addWorker()
      const runner = await worker.addRunner({ testType: 'hooks', options: { failAt: 'terminate' } })
      same(await runner.terminate(), 'terminated')
      const [entry] = await manager.getArchiveList({ state: 'terminated' })
      same([entry?.runnerId, entry?.error?.cause?.message], [runner.id, 'no terminate'])
    },
  },
  {
    title: 'pause waits for the iteration under way, which counts',
    async run(kit) {
      const worker = await kit.manager().addWorker()
      const runner = await worker.addRunner({ testType: 'slow', options: { ms: 50 } })
      await runner.start()
      same(await runner.pause(), 'paused')
      await runner.reset()
      await runner.execute()
      await runner.execute()
      const seen = runner.telemetry
      await runner.terminate()
      same([runner.telemetry?.iterationCount, runner.telemetry?.resets], [2, 1])
      same(seen?.interruptedIterations ?? 0, 0)
    },
  },
  {
    title: 'stop fires the signal after the grace period, terminate at once',
    async run(kit) {
      const aborted: unknown[] = []
      const manager = kit.manager({ handlers: { aborted: (code) => void aborted.push(code) } })
      const worker = await manager.addWorker()
      const graceful = { testType: 'slow', executionProfile: { gracePeriod: 30 } }
      const stopped = await worker.addRunner(graceful)
      await stopped.start()
      same(await stopped.stop(), 'stopped')
      const terminated = await worker.addRunner({ testType: 'slow', executionProfile: { gracePeriod: '1h' } })
      await terminated.start()
      same(await terminated.terminate(), 'terminated')
      await until(() => aborted.length === 2, 'both signals have fired')
      same(aborted, ['ABORTED', 'ABORTED'])
      same([stopped.telemetry?.iterationCount, stopped.telemetry?.interruptedIterations], [0, 1])
    },
  },
  {
    title: 'an iteration that ignores its signal holds up neither stop nor terminate',
    async run(kit) {
      const worker = await kit.manager().addWorker()
      for (const command of ['stop', 'terminate'] as const) {
        const runner = await worker.addRunner({
          testType: 'slow',
          options: { ignoresSignal: true },
          executionProfile: { gracePeriod: 10 },
        })
        await runner.start()
        await runner[command]()
        same(runner.telemetry?.interruptedIterations, 1)
      }
    },
  },
  {
    title: 'terminate overtakes a pause that waits for an iteration',
    async run(kit) {
      const worker = await kit.manager().addWorker()
      const runner = await worker.addRunner({ testType: 'slow', options: { ignoresSignal: true } })
      await runner.start()
      const paused = refusal(runner.pause())
      same(await runner.terminate(), 'terminated')
      same((await paused).code, 'ABORTED')
      checkPath(runner.history)
    },
  },
  {
    title: 'an iteration that returns false is an error that the loop survives',
    async run(kit) {
      const worker = await kit.manager().addWorker()
      const options = { testType: 'count', options: { isBad: true }, executionProfile: { iterations: 5 } }
      const runner = await worker.addRunner(options)
      await runner.start()
      same((await runner.ended()).state, 'completed')
      same([runner.telemetry?.iterationCount, runner.telemetry?.errorCount], [5, 5])
    },
  },
  {
    title: 'a loop that never waits still hears its commands',
    async run(kit) {
      const worker = await kit.manager().addWorker()
      const runner = await worker.addRunner({ testType: 'count' })
      await runner.start()
      await until(
        () => (runner.telemetry?.iterationCount ?? 0) > 1000,
        'a thousand iterations have been told',
      )
      same(await runner.pause(), 'paused')
      same(await runner.stop(), 'stopped')
      same(runner.telemetry?.requestCount, runner.telemetry?.iterationCount)
    },
  },
  {
    title: 'a runner asks the manager’s side, and buffers move with the question',
    async run(kit) {
      const handlers = {
        sum: (payload: unknown) => (payload as Uint8Array).reduce((sum, byte) => sum + byte, 0),
        bad: () => () => 1,
        fail: () => {
          throw new Error('no')
        },
      }
      const worker = await kit.manager({ handlers }).addWorker()
      const answerOf = async (options: Record<string, unknown>) => {
        const runner = await worker.addRunner({
          testType: 'caller',
          options,
          executionProfile: { iterations: 1 },
        })
        let line = ''
        runner.on('telemetry', ({ message }) => (line += message.join('')))
        await runner.start()
        await runner.ended()
        return JSON.parse(line) as unknown
      }
      same(await answerOf({ name: 'sum', moves: true }), { answer: 6, left: 0 })
      same(await answerOf({ name: 'none' }), { answer: 'NOT_FOUND', left: 3 })
      same(await answerOf({ name: 'bad' }), { answer: 'VALIDATION', left: 3 })
      same(await answerOf({ name: 'fail' }), { answer: 'EXECUTION_FAILED', left: 3 })
    },
  },
  {
    title: 'a runner that cannot be made leaves no runner behind',
    async run(kit) {
      const manager = kit.manager()
      const worker = await manager.addWorker()
      const unknown = await refusal(worker.addRunner({ testType: 'no-such' }))
      same([unknown.code, unknown.reason], ['NOT_FOUND', 'UNKNOWN_RUNNER_TYPE'])
      if (!unknown.message.includes('count, hooks'))
        throw new Error(`It does not say what there is: ${unknown.message}`)
      const thrown = await refusal(
        worker.addRunner({ testType: 'hooks', options: { failAt: 'constructor' } }),
      )
      same(thrown.code, 'EXECUTION_FAILED')
      same((await refusal(worker.addRunner({ testType: 'nothing' }))).code, 'EXECUTION_FAILED')
      same((await manager.getWorkersCore())[0]?.runners, [])
      // Those that were made and failed at once are told of; an unknown type never was a runner.
      same(
        (await manager.getArchiveList({})).map(({ state }) => state),
        ['error', 'error'],
      )
    },
  },
]
