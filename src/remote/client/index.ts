/**
 * `busline/remote/client`: a worker that dials in to a `WorkerServer`, in Node and in browsers. Guide: `docs/remote.md`.
 */
export type { BackoffOptions } from './backoff.js'
export { RemoteWorker, type RemoteWorkerState } from './remote-worker.js'
export type { RemoteTasks } from './task-board.js'
export type { RemoteWorkerOptions } from './worker-options.js'
export type { WebSocketLike } from './worker-socket.js'
export type { WorkerCapabilities, WorkerModel } from '../protocol/messages.js'
export type { WireMessage } from '../protocol/read-frame.js'
export type { TaskContext, TaskFunction } from '../../core/step-executor.js'
