import type { SerializedError } from '../../core/system-error.js'
import type { RunnerOptions } from './runner-options.js'

/**
 * Which command leads a runner from which state to which. The one place where this is said: worker, manager and
 * tests read this table.
 */
export const RUNNER_STATES = [
  'initializing',
  'running',
  'paused',
  'stopped',
  'completed',
  'error',
  'terminated',
] as const

/** Where a runner stands. The last four are final. */
export type RunnerState = (typeof RUNNER_STATES)[number]

export const RUNNER_COMMANDS = [
  'start',
  'stop',
  'pause',
  'resume',
  'execute',
  'reset',
  'terminate',
  'update',
] as const

/** What a client can ask of a runner. */
export type RunnerCommand = (typeof RUNNER_COMMANDS)[number]

/** What moves a runner on besides commands: all iterations were run, or something threw. */
export type RunnerOccurrence = 'exhausted' | 'fault'

/** One step of a runner from a state to another. A runner's changes are always a path of the table. */
export interface StateChange {
  readonly runnerId: string
  readonly workerId: string
  readonly from: RunnerState
  readonly to: RunnerState
  /** Epoch milliseconds. */
  readonly at: number
  /** Counts what happened to this runner, from 1. */
  readonly seq: number
  /** The command or occurrence that brought it about; `WORKER_LOST` when the host is gone. */
  readonly reason: RunnerCommand | RunnerOccurrence | 'WORKER_LOST'
  /** What was thrown; with `to: 'error'`, or by the hook `terminate`. */
  readonly error?: SerializedError
  /** The options from now on; with `reason: 'update'`. */
  readonly options?: RunnerOptions
}

type Row = Readonly<Partial<Record<RunnerCommand | RunnerOccurrence, RunnerState>>>

const FINAL: Row = {}

/** A missing cell refuses. Only `terminate` of a terminated and `stop` of a stopped runner answer ok besides: see {@link isRepeat}. */
const TRANSITIONS: Readonly<Record<RunnerState, Row>> = {
  initializing: {
    start: 'running',
    reset: 'initializing',
    stop: 'stopped',
    terminate: 'terminated',
    update: 'initializing',
    fault: 'error',
  },
  running: {
    pause: 'paused',
    reset: 'running',
    stop: 'stopped',
    terminate: 'terminated',
    update: 'running',
    exhausted: 'completed',
    fault: 'error',
  },
  paused: {
    resume: 'running',
    execute: 'paused',
    reset: 'paused',
    stop: 'stopped',
    terminate: 'terminated',
    update: 'paused',
    exhausted: 'completed',
    fault: 'error',
  },
  stopped: FINAL,
  completed: FINAL,
  error: FINAL,
  terminated: FINAL,
}

export function isFinal(state: RunnerState): boolean {
  return TRANSITIONS[state] === FINAL
}

/** The state that follows, `undefined` where the table refuses. */
export function nextState(from: RunnerState, on: RunnerCommand | RunnerOccurrence): RunnerState | undefined {
  return TRANSITIONS[from][on]
}

/** Whether the command already brought the runner to where it stands: callers that repeat themselves get ok. */
export function isRepeat(state: RunnerState, command: RunnerCommand): boolean {
  return (state === 'stopped' && command === 'stop') || (state === 'terminated' && command === 'terminate')
}

/** The commands that a state allows, for messages. */
export function allowedCommands(state: RunnerState): readonly RunnerCommand[] {
  return RUNNER_COMMANDS.filter((command) => nextState(state, command) !== undefined)
}
