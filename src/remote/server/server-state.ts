import type { Duration } from '../../core/duration.js'

export type ServerState = 'stopped' | 'starting' | 'running' | 'draining' | 'stopping'

export interface StopOptions {
  /** Takes no more workers and requests, and waits until those in hand have ended. @default false */
  readonly drain?: boolean
  /** How long that wait may take. @default '30s' */
  readonly timeout?: Duration
}
