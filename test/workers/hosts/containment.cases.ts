import type { WorkerManager } from 'busline/workers'
import { type HostCase, IDLING, checkPath, refusal, same, until } from './host-kit.js'

/** Starts a runner that does something to its host, beside one that does nothing wrong. */
async function harm(manager: WorkerManager, options: Record<string, unknown>) {
  const exits: (string | undefined)[] = []
  manager.on('workerExit', ({ error }) => exits.push(error?.message))
  const worker = await manager.addWorker({ resourceLimits: { maxOldGenerationSizeMb: 32 } })
  const bystander = await worker.addRunner(IDLING)
  await bystander.start()
  const culprit = await worker.addRunner({ testType: 'hostile', options })
  culprit.start().catch(() => {})
  return { worker, bystander, culprit, exits }
}

/** Both runners end as lost, are archived, and their host leaves the registry. */
async function checkLost(
  manager: WorkerManager,
  { worker, bystander, culprit, exits }: Awaited<ReturnType<typeof harm>>,
) {
  for (const runner of [bystander, culprit]) {
    const entry = await runner.ended()
    const last = entry.runnerHistory.at(-1)
    same([entry.state, last?.reason, entry.error?.code], ['error', 'WORKER_LOST', 'UNAVAILABLE'])
    checkPath(entry.runnerHistory)
  }
  same(exits.length, 1, 'number of exits told')
  same(worker.core, undefined)
  same((await manager.getArchiveList({})).length, 2)
  same((await refusal(bystander.pause())).reason, 'INVALID_TRANSITION')
  same(await manager.getWorkersCore(), [])
}

const SHORT = { heartbeat: { interval: 100, misses: 5 } } as const

/** What a host may do to itself, and what must come of it. */
export const containmentCases: readonly HostCase[] = [
  {
    title: 'a shape that throws, which it does in a timer: its runner has failed, and nothing else',
    async run(kit) {
      const manager = kit.manager()
      const worker = await manager.addWorker()
      const bystander = await worker.addRunner(IDLING)
      await bystander.start()
      const executionProfile = { executor: 'shape', shapeInterval: 20 } as const
      const culprit = await worker.addRunner({ testType: 'shapeless', executionProfile })
      await culprit.start()
      const { state, error } = await culprit.ended()
      same([state, error?.message], ['error', 'The function shape failed: Error: no idea'])
      same([await bystander.pause(), worker.core?.workerId], ['paused', worker.id])
    },
  },
  {
    title: 'an endless loop: the host is given up after its heartbeats, and ended by force',
    needsThread: true,
    async run(kit) {
      const manager = kit.manager(SHORT)
      await checkLost(manager, await harm(manager, { what: 'spin' }))
    },
  },
  {
    title:
      'a terminate that a host in an endless loop does not answer ends it by force; its runner is terminated',
    needsThread: true,
    async run(kit) {
      const manager = kit.manager({ messageTimeout: 500, heartbeat: false })
      const { culprit, bystander } = await harm(manager, { what: 'spin' })
      await until(() => culprit.history.length > 0, 'it has started')
      const pause = refusal(bystander.pause())
      same(await culprit.terminate(), 'terminated')
      same([(await bystander.ended()).state, (await culprit.ended()).state], ['error', 'terminated'])
      same(['TIMEOUT', 'UNAVAILABLE'].includes((await pause).code), true)
      checkPath(culprit.history)
    },
  },
  {
    title: 'a full heap ends the thread, not the process',
    needsNode: true,
    async run(kit) {
      const manager = kit.manager()
      const harmed = await harm(manager, { what: 'leak' })
      await checkLost(manager, harmed)
      if (!harmed.exits[0]?.includes('reaching memory limit'))
        throw new Error(`It does not say why: ${harmed.exits[0]}`)
    },
  },
  ...[0, 3].map((exitCode): HostCase => ({
    title: `process.exit(${exitCode}) loses the host`,
    needsNode: true,
    async run(kit) {
      const manager = kit.manager()
      const harmed = await harm(manager, { what: 'exit', exitCode })
      await checkLost(manager, harmed)
      if (!harmed.exits[0]?.endsWith(`exit code ${exitCode}`))
        throw new Error(`It does not say how: ${harmed.exits[0]}`)
    },
  })),
  {
    title: 'an error thrown in a timer ends the thread, and is told with it',
    needsNode: true,
    async run(kit) {
      const manager = kit.manager()
      const harmed = await harm(manager, { what: 'late-throw' })
      await checkLost(manager, harmed)
      if (!harmed.exits[0]?.includes('thrown in a timer'))
        throw new Error(`It does not say why: ${harmed.exits[0]}`)
    },
  },
  {
    title: 'a rejection that nobody handled is told, and ends nothing',
    needsThread: true,
    async run(kit) {
      const manager = kit.manager()
      const errors: string[] = []
      manager.on('workerError', ({ error }) => errors.push(error.message))
      const { culprit, bystander } = await harm(manager, { what: 'rejection' })
      await until(() => errors.length > 0, 'it is told')
      if (!errors[0]!.includes('nobody caught me')) throw new Error(`It does not say what: ${errors[0]}`)
      same([await culprit.stop(), await bystander.stop()], ['stopped', 'stopped'])
    },
  },
  {
    title: 'a message that cannot be cloned fails where it was to be sent, and nothing else',
    async run(kit) {
      const manager = kit.manager()
      const { culprit, bystander, worker } = await harm(manager, { what: 'uncloneable' })
      const entry = await culprit.ended()
      same([entry.state, entry.error?.code], ['error', 'VALIDATION'])
      const down = await refusal(bystander.update({ options: { a: () => 1 } }))
      same(down.code, 'VALIDATION')
      same(bystander.optionsRevision, 1)
      const logs: unknown[] = []
      const logger = await worker.addRunner({ testType: 'hostile', options: { what: 'uncloneable-log' } })
      logger.on('log', ({ message }) => logs.push(message))
      await logger.start()
      await until(() => logs.length > 0, 'the line is there')
      same([logger.state, await bystander.stop()], ['running', 'stopped'])
    },
  },
  {
    title: 'a lost host is replaced by a new one, which takes runners',
    needsThread: true,
    async run(kit) {
      const manager = kit.manager({ ...SHORT, restart: { delay: 10 } })
      const restarts: string[] = []
      manager.on('workerRestart', ({ replaces }) => restarts.push(replaces))
      const { worker, culprit } = await harm(manager, { what: 'spin' })
      await culprit.ended()
      await until(() => restarts.length === 1, 'it was replaced')
      same(restarts, [worker.id])
      const [replacement] = await manager.getWorkers()
      const runner = await replacement!.addRunner({ testType: 'count', executionProfile: { iterations: 3 } })
      await runner.start()
      same((await runner.ended()).state, 'completed')
    },
  },
  {
    title: 'closing the manager terminates its runners and leaves no worker',
    async run(kit) {
      const manager = kit.manager()
      const workers = await Promise.all([manager.addWorker(), manager.addWorker()])
      const runners = await Promise.all(workers.map((worker) => worker.addRunner(IDLING)))
      await Promise.all(runners.map((runner) => runner.start()))
      await manager.close()
      same(
        runners.map(({ state }) => state),
        ['terminated', 'terminated'],
      )
      same(manager.registry.getWorkersMap().size, 0)
      same((await refusal(manager.addWorker())).code, 'UNAVAILABLE')
    },
  },
]
