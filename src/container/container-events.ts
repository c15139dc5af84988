import type { SystemError } from '../core/system-error.js'

/** What every event about one service says. */
export interface ArtifactEvent {
  readonly key: string
  /** The parameters of the instance, where it has some. */
  readonly params?: unknown
  /** The container that the instance lives in, as messages name it: `workflow "orders"`. */
  readonly container: string
}

/** Why an instance was given up. */
export type InvalidationCause =
  /** Somebody called `invalidate()`. */
  | 'request'
  /** A service that it was built from was given up, or emitted another value. */
  | 'dependency'
  /** A part of the run state that its factory selected has changed. */
  | 'state'
  /** Its factory failed after the first value it emitted. */
  | 'failure'
  /** More instances of the service exist than `maxInstances` allows, and it was used least recently. */
  | 'eviction'

/**
 * What an `ArtifactContainer` tells. Events of a container reach the handlers of the container itself, then those of
 * the containers around it. No event carries a service or a value.
 */
export interface ContainerEvents {
  /** A factory is about to be called, for the first time, again, or as a retry: `attempt` counts from 1. */
  'build:start': ArtifactEvent & { readonly attempt: number }
  /** A service is ready. */
  'build:complete': ArtifactEvent & { readonly durationMs: number }
  /** A factory failed or ran out of time; with `willRetry` it is called again. */
  'build:error': ArtifactEvent & { readonly error: SystemError; readonly willRetry: boolean }
  /** A template was added. */
  'artifact:registered': ArtifactEvent
  /** An instance was given up: who asks next gets a new one. Its clean-up follows. */
  'artifact:invalidated': ArtifactEvent & { readonly cause: InvalidationCause }
  /** The clean-up of an instance is over; `errors` are the faults of functions that threw or did not end in time. */
  'artifact:disposed': ArtifactEvent & { readonly errors: readonly SystemError[] }
  /** A factory emitted a value, its first one included. */
  'stream:emit': ArtifactEvent
  /** The container and everything in it is disposed of. The last event of a container. */
  'container:dispose': { readonly container: string }
}

/** Takes every event of a container, with its type. */
export type AnyContainerEventHandler = <Type extends keyof ContainerEvents>(
  type: Type,
  event: ContainerEvents[Type],
) => void
