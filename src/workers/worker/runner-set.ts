import { SystemError, serializeError } from '../../core/system-error.js'
import { checkRunnerOptions } from '../runner/check-options.js'
import type { ManagerCommands, RunnerReply, RunnerReport } from '../messages/protocol.js'
import { invalidTransition, unknownRunner, workerError } from '../runner/runner-errors.js'
import { type RunnerCommand, type RunnerState, isRepeat } from '../runner/runner-state.js'
import type { RunnerDefinition } from '../runner/runner.js'
import { type RunnerSurroundings, WorkerRunner } from './worker-runner.js'

/** How many runners that ended are remembered, for commands that come after the end. */
const MAX_ENDED = 10_000

/** The runners of one worker. Those that ended are let go of. */
export class RunnerSet {
  readonly #definitions: Readonly<Record<string, RunnerDefinition>>
  readonly #around: RunnerSurroundings
  readonly #live = new Map<string, WorkerRunner>()
  readonly #ended = new Map<string, RunnerState>()

  constructor(definitions: Readonly<Record<string, RunnerDefinition>>, around: RunnerSurroundings) {
    this.#definitions = definitions
    this.#around = around
  }

  /** @throws {SystemError} as `worker.addRunner` does; nothing is left behind then. */
  add({ runnerId, options: given }: ManagerCommands['addRunner']): RunnerReport {
    const options = checkRunnerOptions(given)
    const { testType } = options
    if (!Object.hasOwn(this.#definitions, testType)) {
      throw unknownRunnerType(testType, Object.keys(this.#definitions))
    }
    if (this.#live.has(runnerId) || this.#ended.has(runnerId)) {
      throw new SystemError('DUPLICATE_KEY', `There is a runner "${runnerId}" already`, {
        context: { runnerId },
      })
    }
    const runner = new WorkerRunner(runnerId, options, this.#definitions[testType]!, this.#around, (state) =>
      this.#forget(runnerId, state),
    )
    runner.create()
    this.#live.set(runnerId, runner)
    return runner.report()
  }

  /** An entry per runner, in the order asked; at the latest after `timeoutMs`. */
  command({ command, runnerIds, update, timeoutMs }: ManagerCommands['command']): Promise<RunnerReply[]> {
    const { clock } = this.#around
    const replies = new Array<RunnerReply | undefined>(runnerIds.length).fill(undefined)
    return new Promise((resolve) => {
      let left = runnerIds.length
      const finish = () => {
        clock.clearTimeout(timer)
        resolve(replies.map((reply, index) => reply ?? this.#late(runnerIds[index]!, command, timeoutMs)))
      }
      const timer = clock.setTimeout(finish, timeoutMs)
      if (left === 0) finish()
      runnerIds.forEach((runnerId, index) => {
        const runner = this.#live.get(runnerId)
        const reply = runner
          ? runner.command(command, update)
          : Promise.resolve(this.#afterEnd(runnerId, command))
        void reply.then((done) => {
          replies[index] = done
          if (--left === 0) finish()
        })
      })
    })
  }

  reports(): RunnerReport[] {
    return Array.from(this.#live.values(), (runner) => runner.report())
  }

  close(): void {
    for (const runner of this.#live.values()) runner.close()
    this.#live.clear()
  }

  #afterEnd(runnerId: string, command: RunnerCommand): RunnerReply {
    const state = this.#ended.get(runnerId)
    if (state === undefined) {
      const error = serializeError(unknownRunner(runnerId, this.#around.link.settings.workerId))
      return { runnerId, ok: false, error }
    }
    if (isRepeat(state, command)) return { runnerId, ok: true, state }
    return { runnerId, ok: false, state, error: serializeError(invalidTransition(runnerId, state, command)) }
  }

  #late(runnerId: string, command: RunnerCommand, timeoutMs: number): RunnerReply {
    const state = this.#live.get(runnerId)?.report().state ?? this.#ended.get(runnerId)
    const error = workerError(
      'TIMEOUT',
      'MESSAGE_TIMEOUT',
      `Runner "${runnerId}" has not carried out ${command} within ${timeoutMs} ms: it goes on, ask for its state`,
      { runnerId, command, timeoutMs },
    )
    return { runnerId, ok: false, ...(state && { state }), error: serializeError(error) }
  }

  #forget(runnerId: string, state: RunnerState): void {
    this.#live.delete(runnerId)
    this.#ended.set(runnerId, state)
    if (this.#ended.size > MAX_ENDED) this.#ended.delete(this.#ended.keys().next().value!)
  }
}

function unknownRunnerType(testType: string, allowed: readonly string[]): SystemError {
  const list = allowed.length > 0 ? `allowed are ${allowed.join(', ')}` : 'this worker has no runners'
  return workerError(
    'NOT_FOUND',
    'UNKNOWN_RUNNER_TYPE',
    `Cannot add a runner of testType "${testType}": ${list}`,
    {
      testType,
      allowed,
      issues: [{ path: 'testType', message: list }],
    },
  )
}
