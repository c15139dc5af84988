import {
  RUNNER_COMMANDS,
  RUNNER_STATES,
  type RunnerHandle,
  type RunnerState,
  type WorkerHandle,
} from 'busline/workers'
import { type HostCase, IDLING, checkPath, expectedState, refusal, same } from './host-kit.js'

/** Brings a new runner to a state. */
async function runnerIn(state: RunnerState, worker: WorkerHandle): Promise<RunnerHandle> {
  const fails = state === 'error'
  const runner = await worker.addRunner(
    fails ? { testType: 'hooks', options: { failAt: 'execute' } } : IDLING,
  )
  if (state === 'initializing') return runner
  if (state === 'terminated') await runner.terminate()
  else if (state === 'stopped') await runner.stop()
  else await runner.start()
  if (state === 'paused') await runner.pause()
  if (state === 'completed') await runner.update({ executionProfile: { iterations: 0 } })
  if (fails || state === 'completed') await runner.ended()
  return runner
}

/** Each command in each state, as the table says. */
export const stateTableCases: readonly HostCase[] = RUNNER_STATES.map((from) => ({
  title: `a runner that is ${from} takes the commands that the table allows, and refuses the others`,
  async run(kit) {
    const manager = kit.manager({ handlers: { hook: () => undefined } })
    const worker = await manager.addWorker()
    for (const command of RUNNER_COMMANDS) {
      const runner = await runnerIn(from, worker)
      same(runner.state, from, 'state to begin with')
      const seen = [...runner.history]
      runner.on('stateChange', (change) => seen.push(change))
      const before = seen.length
      const to = expectedState(from, command)
      const isRepeat =
        (from === 'stopped' && command === 'stop') || (from === 'terminated' && command === 'terminate')
      const outcome = command === 'update' ? runner.update({ options: { a: 1 } }) : runner[command]()
      if (to !== undefined) {
        same(await outcome, to, `answer to ${command}`)
        same(seen.length - before, 1, `number of changes on ${command}`)
      } else if (isRepeat) {
        same(await outcome, from, `answer to a repeated ${command}`)
        same(seen.length, before, 'number of changes')
      } else {
        const { code, reason, message } = await refusal(outcome)
        same([code, reason], ['INVALID_COMMAND', 'INVALID_TRANSITION'], `refusal of ${command}`)
        if (!message.includes(command) || !message.includes(from))
          throw new Error(`It does not say why: ${message}`)
        same(seen.length, before, `number of changes on ${command}`)
      }
      same(runner.state, to ?? from, `state after ${command}`)
      checkPath(seen)
    }
  },
}))
