import type { JobFault, OperationEvent } from '../job-engine.js'

/**
 * What passes between an engine and its workers. Structured-cloneable, and state only ever as JSON text: the side that
 * evaluates job text neither gives nor gets an object.
 */

/** A value that a realm gets under a name: data as JSON text, or, without a text, a function that lives outside. */
export interface BridgedValue {
  readonly name: string
  readonly text?: string
}

/** Everything a worker has to know of a job, once. */
export interface JobProgram {
  readonly kind: 'job'
  readonly source: string
  readonly globalsSource?: string
  readonly globals: readonly BridgedValue[]
  /** What may be imported, by specifier. */
  readonly modules: Readonly<Record<string, readonly BridgedValue[]>>
  /** The modules that the worker has to import itself, by specifier; the exports of `modules` come before them. */
  readonly files?: Readonly<Record<string, string>>
}

export interface ConditionProgram {
  readonly kind: 'condition'
  readonly source: string
  readonly globalsSource?: string
  readonly helpers: readonly string[]
}

export type EngineProgram = JobProgram | ConditionProgram

/** What a helper of a condition said when it was asked. */
export interface HelperAnswer {
  readonly name: string
  readonly text?: string
  readonly error?: { readonly name: string; readonly message: string }
}

/** What a task is to do. */
export type EngineWork =
  /** Compile, and say what it imports. */
  | { readonly type: 'load'; readonly programId: number; readonly program: EngineProgram }
  | {
      readonly type: 'run'
      readonly programId: number
      /** Only when this worker has not seen it. */
      readonly program?: JobProgram
      readonly state: string
      readonly immutableState: boolean
      readonly maxStateBytes: number
    }
  | {
      readonly type: 'evaluate'
      readonly programId: number
      readonly program?: ConditionProgram
      readonly state: string
      readonly upstreamStepId: string
      /** A list of {@link HelperAnswer}, in the order in which they were asked for, as JSON text. */
      readonly answers: string
    }

export type ToWorker =
  | {
      readonly type: 'task'
      readonly task: number
      readonly work: EngineWork
      readonly timeoutMs: number
      /** Programs that are not going to be asked for again. */
      readonly forget?: readonly number[]
    }
  /** What a bridged function came to: JSON text of its result, or of a {@link BridgedError}. */
  | {
      readonly type: 'settle'
      readonly task: number
      readonly call: number
      readonly isOk: boolean
      readonly text?: string
    }
  /** The task is not wanted any more. */
  | { readonly type: 'stop'; readonly task: number }
  /** Answered as soon as the worker is not computing. */
  | { readonly type: 'ping' }

export interface BridgedError {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly details?: Readonly<Record<string, unknown>>
}

export type EngineEvent =
  | { readonly type: 'log'; readonly level: string; readonly values: string }
  | { readonly type: 'operation'; readonly event: OperationEvent }

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'pong' }
  /** It cannot work, and says what to do. */
  | { readonly type: 'unusable'; readonly message: string }
  | { readonly type: 'told'; readonly task: number; readonly events: readonly EngineEvent[] }
  | {
      readonly type: 'call'
      readonly task: number
      readonly call: number
      readonly module: string
      readonly name: string
      readonly values: string
      readonly events: readonly EngineEvent[]
    }
  | {
      readonly type: 'ended'
      readonly task: number
      readonly result: TaskResult
      readonly events: readonly EngineEvent[]
    }

export type TaskResult =
  | { readonly type: 'loaded'; readonly imports: readonly string[] }
  | { readonly type: 'state'; readonly text?: string }
  | { readonly type: 'held'; readonly holds: boolean; readonly text?: string }
  /** The condition needs what a helper says. */
  | { readonly type: 'helper'; readonly name: string; readonly values: string }
  | { readonly type: 'fault'; readonly fault: JobFault; readonly text?: string }
  | { readonly type: 'stopped' }

/** Bounds that a worker keeps by itself. */
export interface EngineLimits {
  /** In bytes. */
  readonly maxMemoryBytes: number
  /** In bytes. */
  readonly maxStackBytes: number
  /** How long a task may compute altogether, waiting not counted, in milliseconds. */
  readonly maxComputeMs: number
  /** How long it may compute without a pause, in milliseconds. */
  readonly maxSliceMs: number
  /** Upper bound on the JSON text of what comes out, in characters. */
  readonly maxResultLength: number
}
