import type { RUNNER_COMMANDS, RunnerHandle, StateChange, WorkerManager } from 'busline/workers'
import { checkPath, same } from './hosts/host-kit.js'

/** One thing that a client does. */
export type Action =
  | { readonly type: 'command'; readonly command: (typeof RUNNER_COMMANDS)[number] }
  | { readonly type: 'sync' }
  | { readonly type: 'wait'; readonly ms: number }

/** What came of a stream of actions. */
export interface Played {
  readonly seen: readonly StateChange[]
  readonly answers: number
  readonly states: readonly string[]
}

/** Sends a stream of commands without waiting for their answers, and gathers what came of it. Knows nothing of the test runner: it works in a page, too. */
export async function playCommands(
  manager: WorkerManager,
  runner: RunnerHandle,
  actions: readonly Action[],
  wait: (ms: number) => Promise<void>,
): Promise<Played> {
  const seen: StateChange[] = []
  const states: string[] = [runner.state]
  runner.on('stateChange', (change) => {
    seen.push(change)
    states.push(runner.state)
  })
  const pending: Promise<unknown>[] = []
  for (const each of actions) {
    if (each.type === 'wait') await wait(each.ms)
    else if (each.type === 'sync') pending.push(manager.getWorkersCore())
    else {
      const sent =
        each.command === 'update'
          ? runner.update({ executionProfile: { iterations: seen.length } })
          : runner[each.command]()
      pending.push(
        sent.then(
          () => 'ok',
          (error: { code: string }) => error.code,
        ),
      )
    }
  }
  let isSettled = false
  const settled = Promise.all(pending).then((all) => {
    isSettled = true
    return all
  })
  while (!isSettled) await wait(50)
  return { seen, states, answers: (await settled).length }
}

/** What must hold of whatever was sent. */
export async function checkOutcome(
  manager: WorkerManager,
  runner: RunnerHandle,
  played: Played,
  actions: readonly Action[],
): Promise<void> {
  checkPath(played.seen)
  // What a client reads from the handle moves with what it is told, and never back.
  same(played.states, ['initializing', ...played.seen.map(({ to }) => to)], 'states of the handle')
  same(played.answers, actions.filter(({ type }) => type !== 'wait').length, 'number of answers')
  const archived = await manager.getArchiveList({ runnerId: runner.id })
  const isLive = manager.registry.getRunner(runner.workerId, runner.id) !== undefined
  same(archived.length, isLive ? 0 : 1, 'number of entries in the archive')
  if (archived[0]) same(archived[0].runnerHistory, played.seen, 'history in the archive')
  const counted = runner.telemetry
  if (counted) same(counted.requestCount, counted.iterationCount, 'count of requests')
}

/** A stream of commands to a runner of `count`, on a real host and the real clock, and what must hold of it. */
export interface CommandStream {
  readonly iterations: number
  readonly delay: number
  readonly grace: number
  readonly actions: readonly Action[]
}

export async function checkStream(
  manager: WorkerManager,
  workerId: string,
  { iterations, delay, grace, actions }: CommandStream,
): Promise<void> {
  const executionProfile = { iterations, delayBetweenIterations: delay, gracePeriod: grace }
  const runner = await manager.addRunner({ testType: 'count', executionProfile }, workerId)
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms / 10))
  const played = await playCommands(manager, runner, actions, wait)
  await runner.terminate().catch(() => {})
  const { history } = runner
  const states = ['initializing', ...history.map(({ to }) => to)]
  await checkOutcome(manager, runner, { ...played, seen: history, states }, actions)
}
