import type { Duration } from '../core/duration.js'
import type { Address } from './address.js'
import type { WatchDescriptor } from './watch-descriptor.js'

/** What a router returns: where the run goes after a stage. */
export type Instruction<StageId extends string = string> =
  | { readonly type: 'advance' }
  | { readonly type: 'jump'; readonly stageId: StageId }
  | { readonly type: 'jumpTo'; readonly address: Address<StageId> }
  | { readonly type: 'terminate' }
  | ({ readonly type: 'pause' } & PauseOptions<StageId>)

/** What a timer does after the process was away: see {@link PauseOptions.onRestore}. */
export type OnRestore = 'deadline' | 'remaining' | 'restart'

export interface PauseOptions<StageId extends string = string> {
  /** What to wait for. Without it the run waits for the watches its steps registered, for `resume()`, or for the timeout. */
  readonly until?: WatchDescriptor
  /** How long to wait; then the run goes on with `ctx.resume.kind === 'timeout'`. There is no default: `Infinity` is written down. */
  readonly timeout?: Duration
  /** The stage to go on at. @default the next stage in order */
  readonly resumeAt?: StageId
  /**
   * What the timeout does after a restart: `deadline` keeps the instant it was due at, `remaining` waits for what was
   * left when the run was last known to be alive, `restart` waits for all of it again. @default 'deadline'
   */
  readonly onRestore?: OnRestore
  /** Puts what ended the wait into the state under this name. */
  readonly into?: string
}

/** Go on with the next stage in order; after the last one the run has succeeded. What a stage without a router does. */
export function advance(): { readonly type: 'advance' } {
  return { type: 'advance' }
}

/** Go on at the stage of that id. */
export function jump<const StageId extends string>(
  stageId: StageId,
): { readonly type: 'jump'; readonly stageId: StageId } {
  return { type: 'jump', stageId }
}

/**
 * Go on at an address: with `step`, only that step of the stage runs; with `pipeline`, the stage forks its children and
 * the one at `index` starts at the place inside it that is given, the others at their first stage.
 */
export function jumpTo<const StageId extends string>(
  address: Address<StageId>,
): { readonly type: 'jumpTo'; readonly address: Address<StageId> } {
  return { type: 'jumpTo', address }
}

/** End the run here, with success. */
export function terminate(): { readonly type: 'terminate' } {
  return { type: 'terminate' }
}

/** Put the run to sleep until something it waits for happens. */
export function pause(options?: PauseOptions<never>): { readonly type: 'pause' } & PauseOptions<never>
export function pause<const StageId extends string>(
  options: PauseOptions<StageId>,
): { readonly type: 'pause' } & PauseOptions<StageId>
export function pause(options: PauseOptions = {}): { readonly type: 'pause' } & PauseOptions {
  return { type: 'pause', ...options }
}
