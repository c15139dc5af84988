import type { SerializedError } from '../core/system-error.js'
import type { LinkerOptions } from './linker-options.js'

/**
 * The seam between compiled plans and job text: who implements it evaluates source that strangers wrote.
 *
 * Invariants:
 * - J1 nothing but plain JSON data crosses: state in, state out, errors as data; no object of one side is seen by the other;
 * - J2 what the text does never makes a method reject: it is an outcome. A method rejects only when the engine itself
 *   cannot work (`UNAVAILABLE`, say what to install) or was closed;
 * - J3 every call ends: within its `timeoutMs` and a grace period, and at once when its signal fires;
 * - J4 the host's event loop is never held up.
 *
 * Plans made of functions never load an engine.
 */
export interface JobEngine {
  /**
   * Compiles a job and links its imports, but evaluates nothing. Not cached by plans longer than a compiled plan
   * lives: an engine may share what it likes between jobs of equal text.
   */
  load(job: JobText): Promise<LoadResult<LoadedJob>>
  /** Compiles one JavaScript expression. */
  compileCondition(condition: ConditionText): Promise<LoadResult<LoadedCondition>>
  /** Lets go of everything. What is under way comes to an `UNAVAILABLE` rejection. May be called again. */
  close(): Promise<void>
}

/** The source of a job, an ES module, and what it may reach. */
export interface JobText {
  readonly source: string
  readonly stepId: string
  /** What the step is called in positions and in errors. @default stepId */
  readonly name?: string
  /** What its imports may name, those of the step already put over those of the plan. @default no imports */
  readonly linker?: LinkerOptions
  /** Further globals of the job: plain data, and functions of plain data. They cannot replace those of the engine. */
  readonly globals?: Readonly<Record<string, unknown>>
  /** `workflow.globals`: module text whose named exports become globals of the job, evaluated anew for it. */
  readonly globalsSource?: string
  /** The source map of `source`: a version 3 object, with `operations` as compilers of jobs write it. */
  readonly sourceMap?: unknown
}

export interface ConditionText {
  /** One expression, as in `state.data.age > 18`. */
  readonly source: string
  readonly from: string
  readonly to: string
  /** Functions in scope: they get and give plain data, at once. */
  readonly helpers?: ConditionHelpers
  /** `workflow.globals`, whose exports are in scope as well. */
  readonly globalsSource?: string
}

export type ConditionHelpers = Readonly<Record<string, (...values: never[]) => unknown>>

/** What cannot be loaded is a fault of the text; its place is in `fault.position`. */
export type LoadResult<Loaded> =
  { readonly ok: true; readonly loaded: Loaded } | { readonly ok: false; readonly fault: JobFault }

export interface LoadedJob {
  /**
   * Evaluates the module in a realm of its own and runs all its operations in it, one after the other.
   *
   * @param state Assembled already. Plain JSON data, which is left as it is: the job works on a copy.
   */
  run(state: unknown, options: JobRunOptions): Promise<JobOutcome>
  /** Forgets the job. */
  dispose(): void
}

export interface JobRunOptions {
  /** Its reason is why the job has to end. */
  readonly signal: AbortSignal
  /** From the evaluation of the module to the last operation, in milliseconds; `Infinity` without a limit. */
  readonly timeoutMs: number
  /** What the job sees as `console`. */
  readonly console: JobConsole
  /** Whether each operation gets a copy of its own. */
  readonly immutableState: boolean
  /** Upper bound on the JSON text of the result, in bytes; `Infinity` without a limit. */
  readonly maxStateBytes: number
  /** Told as operations begin and end. The engine does not wait for it. */
  readonly onOperation: (event: OperationEvent) => void
}

/** One operation of a job, counted from 0. */
export type OperationEvent =
  | { readonly phase: 'start'; readonly index: number; readonly name?: string }
  | {
      readonly phase: 'complete'
      readonly index: number
      readonly durationMs: number
      readonly name?: string
    }
  | { readonly phase: 'error'; readonly index: number; readonly durationMs: number; readonly name?: string }

export interface JobConsole {
  readonly log: (...values: unknown[]) => void
  readonly info: (...values: unknown[]) => void
  readonly debug: (...values: unknown[]) => void
  readonly warn: (...values: unknown[]) => void
  readonly error: (...values: unknown[]) => void
}

/** How a job ended. */
export type JobOutcome =
  /** What the last operation returned, by the rules of JSON, cycles as `'[Circular]'`; absent for `undefined` and what is falsy. */
  | { readonly ok: true; readonly state?: unknown }
  /** `state`: what the job started from, with the changes it made in place; absent when the engine could not read it. */
  | { readonly ok: false; readonly fault: JobFault; readonly state?: unknown }

/**
 * Why a job did not come to its end, as data. Which error class it becomes, and how severe it is, is decided by the
 * plan (`toJobError`), in one place for text and functions.
 */
export interface JobFault {
  readonly kind:
    /** Job code threw, or rejected with, `thrown`. */
    | 'thrown'
    /** The text is no JavaScript. */
    | 'syntax'
    /** A module may not be imported, or cannot be. */
    | 'import'
    /** The default export is no array. */
    | 'exports'
    /** An element of the default export is no function. */
    | 'operation'
    /** Code was to be made from strings. */
    | 'security'
    | 'timeout'
    /** Memory or stack were used up. */
    | 'memory'
    /** The result is larger than `maxStateBytes`. */
    | 'too-large'
    /** The result is not data: a function, a bigint. */
    | 'result'
    /** The signal fired. */
    | 'aborted'
  readonly message: string
  readonly thrown?: ThrownValue
  readonly position?: SourcePosition
  /** The line of the source at the position, where a source map leads to it. */
  readonly sourceLine?: string
  /** The frames of the stack that are job text, as `vm:module(0):line:column` says it. */
  readonly stack?: string
  /** The function of an adaptor that was called at the top level of the job, from `sourceMap.operations`. */
  readonly operationName?: string
}

/** Anything that was thrown, as plain data that keeps what programs look at. */
export interface ThrownValue {
  /** The name of the constructor for an object, such as `'TypeError'`; else what `typeof` says. */
  readonly type: string
  /** An object with a message, a string, or whatever JSON makes of the rest. */
  readonly error?: SerializedError
  /** The value itself when it was no error: a string, a number, an object without a message. */
  readonly value?: unknown
  /** Its other fields (`code`, `details`, `statusCode`, …), by the rules of JSON. */
  readonly details?: Readonly<Record<string, unknown>>
  /** What it says of itself: `'crash'` and `'kill'` end the run. */
  readonly severity?: string
  /** Whether the first frame of the stack is code of an imported module. */
  readonly fromModule?: boolean
}

export interface SourcePosition {
  /** From 1. */
  readonly line: number
  /** From 1. */
  readonly column: number
}

export interface LoadedCondition {
  evaluate(state: unknown, upstreamStepId: string, options: ConditionOptions): Promise<ConditionOutcome>
  dispose(): void
}

export interface ConditionOptions {
  readonly signal: AbortSignal
  /** In milliseconds. */
  readonly timeoutMs: number
  readonly console: JobConsole
}

export type ConditionOutcome =
  /** `state`: only when the expression has changed it. */
  | { readonly ok: true; readonly holds: boolean; readonly state?: unknown }
  | { readonly ok: false; readonly fault: JobFault }

/** What opening an engine may be told. */
export interface JobEngineOptions {
  /** Upper bound on the memory of one job, in bytes. @default 67108864 (64 MB) */
  readonly maxMemoryBytes?: number
  /** Upper bound on the stack of one job, in bytes. @default 524288 (512 kB) */
  readonly maxStackBytes?: number
}
