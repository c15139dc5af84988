import type { SystemError } from '../../core/system-error.js'
import type { WireMessage, WireReply, WorkerSettings } from '../messages/protocol.js'
import type { WireResults, WireTasks } from '../messages/task-messages.js'

/** How a host came to its end. */
export interface HostExit {
  /** Of a thread; absent where the host has none to tell. */
  readonly exitCode?: number
  /** What ended it, when it did not end by itself or by `terminate`. */
  readonly error?: SystemError
}

/** Bounds on the memory of a thread, in megabytes; what exceeds them ends the host, not the process. */
export interface HostResourceLimits {
  readonly maxOldGenerationSizeMb?: number
  readonly maxYoungGenerationSizeMb?: number
  readonly codeRangeSizeMb?: number
  readonly stackSizeMb?: number
}

/** What a host is opened with, and whom it tells. */
export interface HostOpenOptions {
  /** For thread names and messages. */
  readonly name: string
  /** Sent with the handshake. */
  readonly settings: WorkerSettings
  /** Only threads keep them; other hosts ignore them. */
  readonly resourceLimits?: HostResourceLimits | undefined
  onMessage(message: WireMessage | WireReply | WireResults): void
  /** A message came that could not be read. Not fatal. */
  onMessageError(error: SystemError): void
  /** Something failed in the host. An exit follows where it was fatal. */
  onError(error: SystemError): void
  /** Exactly once, whatever ended it, `terminate` included; nothing is told after it. */
  onExit(exit: HostExit): void
}

/** One execution host: a thread, a Web Worker, or this thread. The handshake has been sent when it is handed out. */
export interface WorkerHost {
  readonly name: string
  /** Buffers and ports in `transfer` move over. After the exit it does nothing. @throws {SystemError} `VALIDATION` when the message cannot be cloned; nothing was sent. */
  post(message: WireMessage | WireReply | WireTasks, transfer?: readonly Transferable[]): void
  /** Ends it by force, whatever it does. Resolves after `onExit`. May be called again. */
  terminate(): Promise<void>
  /** From 0 to 1: how busy its thread was since the last call; `undefined` where that cannot be told. */
  utilization?(): number | undefined
}

/** Opens hosts of one kind. */
export interface WorkerHostFactory {
  /** For messages: `node`, `web`, `inProcess`. */
  readonly kind: string
  /** What it throws fails `addWorker`; what goes wrong later is told by `onError` and `onExit`. */
  open(options: HostOpenOptions): WorkerHost
}
