import type { LogLevel } from '../../core/logger.js'
import type { HostResourceLimits } from '../hosts/worker-host.js'

/** What a worker is added with. */
export interface AddWorkerOptions {
  /** A name for people, also that of the thread. @default the worker's id */
  readonly hostName?: string
  /** Of the agent on whose behalf it runs; kept, and given back. */
  readonly agentId?: string
  readonly tags?: readonly string[]
  /** Opens it with `mockedHost` instead of `host`. @default false */
  readonly mocked?: boolean
  /** @default the manager's */
  readonly logLevel?: LogLevel | 'silent'
  /** @default the manager's */
  readonly resourceLimits?: HostResourceLimits
}
