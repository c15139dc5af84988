import type { EngineLimits, FromWorker, ToWorker } from './engine-protocol.js'

/** A worker as its engine sees it. */
export interface EngineWorker {
  post(message: ToWorker): void
  /** Whether the process has to live on for it. */
  hold(isHeld: boolean): void
  terminate(): void
}

export interface EngineWorkerEvents {
  readonly onMessage: (message: FromWorker) => void
  /** It is gone; why, if it was not told to. */
  readonly onExit: (reason: string) => void
}

/** Starts a worker. It says `ready`, or why it is `unusable`, before anything else. */
export type SpawnWorker = (limits: EngineLimits, events: EngineWorkerEvents) => EngineWorker

/** What a worker says of itself when it has used up its memory. */
export const OUT_OF_MEMORY = 'out of memory'
