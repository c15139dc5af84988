/** What every contestant does: a run of three stages, each of which adds 200 characters to what is kept. */
import { WorkflowRuntime, createEventBus, memoryStorage } from '../../dist/index.js'

export const STAGES = ['reserve', 'charge', 'ship']
export const CONCURRENCY = 50
export const work = async (stage) => ({ [stage]: 'x'.repeat(200) })

const silent = () => {}

/** Resolves to `run`, which does one run from its event to its end. */
export async function openBusline(storage) {
  const logger = { debug: silent, info: silent, warn: silent, error: silent }
  const runtime = new WorkflowRuntime({ bus: createEventBus(), storage, logger })
  const stages = STAGES.map((id) => ({ id, steps: { work: () => work(id) } }))
  const pipelines = { main: { id: 'main', stages } }
  await runtime.register({ id: 'orders', triggers: { placed: { event: 'order' } }, pipelines })
  return {
    async run() {
      const { ok } = await runtime.invoke('orders', 'placed', {})
      if (!ok) throw new Error('A run failed')
    },
    close: () => runtime.stop(),
  }
}

/** Keeps so many runs under way: for a while to warm up, then for as long as it takes to be sure. Resolves to runs per second. */
export async function runsPerSecond(
  run,
  { concurrency = CONCURRENCY, warmUpMs = 1000, measureMs = 3000 } = {},
) {
  await keepRunning(run, concurrency, warmUpMs)
  const startedAt = performance.now()
  const done = await keepRunning(run, concurrency, measureMs)
  return (done / (performance.now() - startedAt)) * 1000
}

async function keepRunning(run, concurrency, ms) {
  const endsAt = performance.now() + ms
  let done = 0
  const worker = async () => {
    while (performance.now() < endsAt) {
      await run()
      done++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return done
}

/**
 * What Busline writes for so many runs, to be written by hand: per commit what is put and deleted, the values as JSON.
 * Conditions are left out.
 */
export async function recordCommits(runs, concurrency = CONCURRENCY) {
  const store = memoryStorage()
  const commits = []
  const { run, close } = await openBusline({
    name: 'recorded',
    isDurable: true,
    get: (key) => store.get(key),
    scan: (options) => store.scan(options),
    commit(operations) {
      // That the process lives is no write of a run.
      const isOfRun = !operations.some(({ key }) => key?.startsWith('owner/'))
      const writes = operations
        .filter(({ type }) => type !== 'expect')
        .map((each) => ({ ...each, ...('value' in each ? { json: JSON.stringify(each.value) } : {}) }))
      if (isOfRun) commits.push(writes)
      return store.commit(operations)
    },
    close: () => store.close(),
  })
  let started = 0
  const worker = async () => {
    while (started++ < runs) await run()
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  await close()
  return commits
}

/** Commits in groups of as many as there are runs under way. */
export function grouped(commits, size = CONCURRENCY) {
  const groups = []
  for (let at = 0; at < commits.length; at += size) groups.push(commits.slice(at, at + size).flat())
  return groups
}
