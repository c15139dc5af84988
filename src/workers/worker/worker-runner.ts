import type { Clock } from '../../core/clock.js'
import { toMs } from '../../core/duration.js'
import { SystemError, serializeError } from '../../core/system-error.js'
import { checkSameExecutor, mergeUpdate } from '../runner/check-options.js'
import { DEFAULT_GRACE_PERIOD } from '../runner/execution-profile.js'
import { createLoadModel } from '../load/create-load-model.js'
import type { LoadModel } from '../load/load-model.js'
import type { RunnerReply, RunnerReport } from '../messages/protocol.js'
import { executionFailed } from '../runner/runner-errors.js'
import type { RunnerOptions, RunnerUpdate } from '../runner/runner-options.js'
import {
  type RunnerCommand,
  type RunnerOccurrence,
  type RunnerState,
  isRepeat,
} from '../runner/runner-state.js'
import type { RunnerDefinition, RunnerInstance } from '../runner/runner.js'
import type { Breather } from './breather.js'
import { IterationEngine } from './iteration-engine.js'
import { createRunnerContext } from './runner-context.js'
import { RunnerEnding } from './runner-ending.js'
import { RunnerMeter } from './runner-meter.js'
import { RunnerProgress } from './runner-progress.js'
import type { TelemetryBuffer } from './telemetry-buffer.js'
import { type HookName, UserHooks } from './user-hooks.js'
import type { WorkerLink } from './worker-link.js'

/** What the runners of one worker share. */
export interface RunnerSurroundings {
  readonly clock: Clock
  readonly link: WorkerLink
  readonly buffer: TelemetryBuffer
  readonly breather: Breather
}

/**
 * One runner where it runs: carries out its commands, one after the other. Where it stands is in `RunnerProgress`.
 *
 * R1. Terminate cuts off whatever is under way, at once; stop does so when the grace period is over. Neither waits longer for
 *     what was asked before it, and of that nothing starts afterwards.
 * R2. A fault in user code ends this runner in state `error`, and concerns no other.
 */
export class WorkerRunner {
  readonly #runnerId: string
  readonly #around: RunnerSurroundings
  readonly #definition: RunnerDefinition
  readonly #meter: RunnerMeter
  readonly #progress: RunnerProgress
  readonly #ending: RunnerEnding
  readonly #onEnd: (state: RunnerState) => void
  #options: RunnerOptions
  #optionsRevision = 1
  #engine!: IterationEngine
  #hooks!: UserHooks
  #model: LoadModel | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #isFinishing = false

  constructor(
    runnerId: string,
    options: RunnerOptions,
    definition: RunnerDefinition,
    around: RunnerSurroundings,
    onEnd: (state: RunnerState) => void,
  ) {
    this.#runnerId = runnerId
    this.#options = options
    this.#definition = definition
    this.#around = around
    this.#onEnd = onEnd
    const { clock, link, buffer } = around
    this.#meter = new RunnerMeter({ runnerId, workerId: link.settings.workerId })
    this.#progress = new RunnerProgress({ runnerId, clock, link, buffer, meter: this.#meter })
    this.#ending = new RunnerEnding({
      clock,
      graceMs: () => toMs(this.#options.executionProfile?.gracePeriod ?? DEFAULT_GRACE_PERIOD),
      graceIsOver: () => endedBy('interrupted: its grace period is over', this.#ids()),
      interrupt: (reason) => this.#engine.interrupt(reason),
    })
  }

  /** Makes the instance. @throws {SystemError} `EXECUTION_FAILED`; the runner is in state `error` then. */
  create(): void {
    const { clock, breather, buffer, link } = this.#around
    const context = createRunnerContext({
      runnerId: this.#runnerId,
      link,
      telemetry: this.#meter.telemetry,
      current: () => this.#options,
    })
    let instance: RunnerInstance
    try {
      instance = this.#definition.create(context)
      if (typeof instance?.execute !== 'function') {
        throw new TypeError('What was made has no execute(): return an object with it')
      }
    } catch (error) {
      const failure = executionFailed(`Making the runner "${this.#options.testType}"`, error, this.#ids())
      this.#change('fault', failure)
      throw failure
    }
    this.#hooks = new UserHooks(clock, instance, context)
    this.#engine = new IterationEngine({
      clock,
      breather,
      buffer,
      meter: this.#meter,
      instance,
      context,
      shape: this.#definition.shape,
      onFault: (what, error) => this.#fail(executionFailed(what, error, this.#ids())),
      onFinish: () => this.#finish(),
    })
  }

  report(): RunnerReport {
    return {
      runnerId: this.#runnerId,
      options: this.#options,
      optionsRevision: this.#optionsRevision,
      state: this.#progress.state,
      seq: this.#progress.seq,
      history: this.#progress.history,
    }
  }

  /** Lets go of everything under way without a word: its worker ends. */
  close(): void {
    this.#ending.clearTimers()
    this.#cutOff(endedBy('interrupted: its worker has ended', this.#ids()))
  }

  /** Carries out a command after those before it. Never rejects. */
  command(command: RunnerCommand, update?: RunnerUpdate): Promise<RunnerReply> {
    if (this.#progress.allows(command)) {
      if (command === 'terminate') this.#cutOff(endedBy('terminated', this.#ids()))
      if (command === 'stop') this.#askToStop()
    }
    const reply = this.#queue.then(() => this.#handle(command, update))
    this.#queue = reply
    return reply
  }

  async #handle(command: RunnerCommand, update: RunnerUpdate | undefined): Promise<RunnerReply> {
    const runnerId = this.#runnerId
    try {
      if (!isRepeat(this.#progress.state, command)) {
        this.#progress.require(command)
        await this.#carryOut(command, update)
      }
      return { runnerId, ok: true, state: this.#progress.state }
    } catch (error) {
      const failure = executionFailed(`Command ${command}`, error, this.#ids())
      return { runnerId, ok: false, state: this.#progress.state, error: serializeError(failure) }
    }
  }

  #carryOut(command: RunnerCommand, update: RunnerUpdate | undefined): Promise<void> | void {
    switch (command) {
      case 'start':
        return this.#start()
      case 'pause':
        return this.#pause()
      case 'resume':
        return this.#resume()
      case 'execute':
        return this.#execute()
      case 'reset':
        return this.#reset()
      case 'stop':
        return this.#stop()
      case 'terminate':
        return this.#terminate()
      case 'update':
        return this.#update(update ?? {})
    }
  }

  async #start(): Promise<void> {
    await this.#hook('start')
    this.#progress.require('start')
    this.#change('start')
    this.#model = createLoadModel(this.#options.executionProfile ?? {}, this.#engine)
    if (!this.#ending.isAsked) this.#model.start()
  }

  async #pause(): Promise<void> {
    this.#model?.pause()
    await this.#hooks.unlessCut(this.#engine.whenIdle())
    this.#progress.require('pause')
    await this.#hook('pause')
    this.#progress.require('pause')
    this.#change('pause')
  }

  async #resume(): Promise<void> {
    await this.#hook('resume')
    this.#progress.require('resume')
    this.#change('resume')
    if (!this.#ending.isAsked) this.#model?.resume()
  }

  async #execute(): Promise<void> {
    if (this.#ending.reason) throw this.#ending.reason
    await this.#hooks.unlessCut(this.#engine.run())
    this.#progress.require('execute')
    if (this.#model?.isExhausted()) await this.#complete()
    else this.#change('execute')
  }

  async #reset(): Promise<void> {
    const wasRunning = this.#progress.state === 'running'
    if (wasRunning) {
      this.#model?.pause()
      await this.#hooks.unlessCut(this.#engine.whenIdle())
      this.#progress.require('reset')
    }
    this.#around.buffer.flush()
    this.#meter.reset(this.#around.clock.now())
    this.#around.buffer.touch(this.#meter)
    this.#isFinishing = false
    this.#ending.forgetExhausted()
    this.#model?.reset()
    this.#change('reset')
    await this.#hook('reset')
    if (wasRunning && this.#progress.state === 'running' && !this.#ending.isAsked) this.#model?.resume()
  }

  async #update(update: RunnerUpdate): Promise<void> {
    const merged = mergeUpdate(this.#options, update)
    if (this.#model) checkSameExecutor(this.#options, merged)
    this.#options = merged
    this.#optionsRevision++
    this.#change('update')
    if (update.executionProfile) this.#model?.update(merged.executionProfile ?? {})
    await this.#hook('update')
  }

  async #stop(): Promise<void> {
    this.#model?.stop()
    await this.#engine.whenIdle()
    this.#progress.require('stop')
    await this.#hook('stop')
    await this.#hook('completed')
    this.#progress.require('stop')
    this.#change('stop')
  }

  /** Only this hook runs; how it ends changes nothing. */
  async #terminate(): Promise<void> {
    this.#model?.stop()
    let failure: SystemError | undefined
    try {
      await this.#hooks.runLast('terminate', this.#around.link.settings.terminateTimeoutMs)
    } catch (error) {
      failure = executionFailed('The hook terminate', error, this.#ids())
    }
    if (!this.#progress.hasEnded) this.#change('terminate', failure)
  }

  /** The load model has nothing left to start: what is under way may end within the grace period. */
  #finish(): void {
    if (this.#isFinishing || this.#progress.state !== 'running') return
    this.#isFinishing = true
    this.#ending.beginExhausted()
    void this.#engine.whenIdle().then(() => {
      this.#queue = this.#queue.then(() => this.#completeIfRunning())
    })
  }

  async #completeIfRunning(): Promise<void> {
    // A pause or a reset came in between: the load model looks again when it goes on.
    if (!this.#isFinishing || this.#progress.state !== 'running') return
    try {
      await this.#complete()
    } catch {
      // The hook failed, which has ended the runner.
    }
  }

  async #complete(): Promise<void> {
    this.#model?.stop()
    await this.#hook('completed')
    if (!this.#progress.hasEnded) this.#change('exhausted')
  }

  #askToStop(): void {
    this.#model?.stop()
    this.#ending.askToStop()
  }

  #cutOff(reason: SystemError): void {
    this.#model?.stop()
    this.#ending.cutOff(reason)
    this.#hooks.cut(reason)
  }

  /** Runs a hook; what it throws ends the runner. */
  async #hook(name: HookName): Promise<void> {
    if (!this.#hooks.has(name)) return
    try {
      await this.#hooks.run(name, this.#around.link.settings.hookTimeoutMs)
    } catch (error) {
      if (this.#hooks.isCut(error)) throw error
      const failure = executionFailed(`The hook ${name}`, error, this.#ids())
      this.#fail(failure)
      throw failure
    }
  }

  #fail(failure: SystemError): void {
    if (this.#progress.hasEnded) return
    this.#model?.stop()
    this.#engine.interrupt(endedBy('interrupted: its runner has failed', this.#ids()))
    this.#change('fault', failure)
  }

  #change(reason: RunnerCommand | RunnerOccurrence, error?: SystemError): void {
    const { state: before } = this.#progress
    this.#progress.move(reason, { error, ...(reason === 'update' && { options: this.#options }) })
    const { state, hasEnded } = this.#progress
    if (state === 'paused' && before !== 'paused') this.#isFinishing = false
    if (state === 'paused') this.#ending.forgetExhausted()
    if (!hasEnded) return
    this.#ending.clearTimers()
    this.#onEnd(state)
  }

  #ids(): { readonly runnerId: string; readonly workerId: string } {
    return { runnerId: this.#runnerId, workerId: this.#around.link.settings.workerId }
  }
}

function endedBy(how: string, context: Readonly<Record<string, unknown>>): SystemError {
  return new SystemError('ABORTED', `The iteration was ${how}`, { context })
}
