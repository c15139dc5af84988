import type { Clock } from '../core/clock.js'
import type { PlanLimits } from './copy-plan.js'
import type { ConditionHelpers, JobConsole, JobEngine } from './job-engine.js'
import type { LinkerOptions } from './linker-options.js'
import type { Notify, PlanEvent, PlanLogger } from './plan-events.js'

export interface PlanCallbacks {
  /** Told of each job. Awaited; what it throws ends the run. */
  readonly notify?: Notify
  /** Loads state that is named by its id. Called when it is needed, each time. */
  readonly resolveState?: (id: string) => unknown
  /** Loads a configuration that is named by its id. Called when it is needed, each time: credentials expire. */
  readonly resolveCredential?: (id: string) => unknown
}

/** How a plan is compiled and run. */
export interface CompileOptions {
  readonly callbacks?: PlanCallbacks
  /** Told of everything that happens, as it happens. Not awaited; what it throws is ignored. */
  readonly onEvent?: (event: PlanEvent) => void
  /** Where the run itself writes. @default nowhere */
  readonly logger?: PlanLogger
  /** What job text and condition text see as `console`. @default the host's */
  readonly jobLogger?: JobConsole
  /** Gives each operation a copy of the state, so that a failed job has changed nothing. @default false */
  readonly immutableState?: boolean
  /** Refuses operations that are functions: a plan from a stranger holds none. @default false */
  readonly forceSandbox?: boolean
  /** What job text may import. @default nothing */
  readonly linker?: LinkerOptions
  /** Further globals of job text: plain data, and functions of plain data. */
  readonly globals?: Readonly<Record<string, unknown>>
  /** Functions that condition text may call: plain data in, plain data out, at once. */
  readonly helpers?: ConditionHelpers
  /** Keys that are taken out of each job's result. @default ['configuration'] */
  readonly statePropsToRemove?: readonly string[]
  /** How long a job may take when the plan does not say, in milliseconds. @default Infinity */
  readonly defaultRunTimeoutMs?: number
  /** How long a condition text may take, in milliseconds. @default 1000 */
  readonly conditionTimeoutMs?: number
  /** Upper bound on the JSON of a job's result, in megabytes; 0 for none but the engine's own of 64 MB. @default 500 */
  readonly stateLimitMb?: number
  /** How many jobs of one level run at once. @default what the plan says, or 1 */
  readonly concurrency?: number
  /** Whether one leaf gives its state bare (`auto`), or even one by its id (`keyed`). @default 'auto' */
  readonly resultShape?: 'auto' | 'keyed'
  /** The id of the one step of a plan that is given as its expression. @default 'job-1' */
  readonly defaultStepId?: string
  /** The source map of a plan that is given as the text of its one job. */
  readonly sourceMap?: unknown
  /** Reads the heap while jobs run, and reports the peak. @default false */
  readonly profile?: boolean
  /** In milliseconds. @default 10 */
  readonly profilePollInterval?: number
  /** How large a plan may be. */
  readonly limits?: PlanLimits
  /** What runs job text and condition text. @default QuickJS in WebAssembly, loaded when it is first needed */
  readonly engine?: JobEngine
  /** @default the host's */
  readonly clock?: Clock
}

export interface RunOptions extends CompileOptions {
  /** Ends the run: `run` then rejects with `ABORTED`, whose cause is the signal's reason. */
  readonly signal?: AbortSignal
}
