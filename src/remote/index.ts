/**
 * `busline/remote`: workers that dial in over WebSocket, and steps that run on them. Needs `ws`. Guide: `docs/remote.md`.
 */
export {
  type RemoteExecutor,
  type RemoteExecutorOptions,
  remoteExecutor,
} from './executor/remote-executor.js'
export type { RemoteRequirements } from './executor/requirements.js'
export { type Drainable, drainOnSignal, type DrainOnSignalOptions } from './operation/drain-on-signal.js'
export { healthHandler, type HealthHandlerOptions } from './operation/health-handler.js'
export type { HttpAccessOptions } from './operation/http-access.js'
export { metricsHandler } from './operation/metrics-handler.js'
export { statusHandler } from './operation/status-handler.js'
export type { WorkerRegistration } from './pool/pooled-worker.js'
export type { RemovedWorker, WorkerCriteria, WorkerInfo, WorkerStatus } from './pool/worker-info.js'
export { type HealthCheck, WorkerPool, type WorkerPoolOptions } from './pool/worker-pool.js'
export type { WorkerCapabilities, WorkerModel } from './protocol/messages.js'
export type { WireMessage } from './protocol/read-frame.js'
export type { ServerCounters } from './server/counters.js'
export type { DispatchedRequest, DispatchOptions } from './server/dispatch.js'
export type { HttpHandler, WebSocketEndpoint } from './server/http-front.js'
export type {
  LossReason,
  RequestListener,
  RequestOrder,
  RequestResult,
  RequestTable,
} from './server/request-table.js'
export { safeCompare } from './server/safe-compare.js'
export type { WorkerServerOptions } from './server/server-options.js'
export type {
  DurationCounts,
  ServerHealth,
  ServerStatus,
  WorkerRow,
  WorkSource,
  WorkStatus,
} from './server/server-status.js'
export type { WorkerToken } from './server/token-book.js'
export type { ServerState, StopOptions } from './server/server-state.js'
export {
  type WorkerConnectedHandler,
  type WorkerDisconnectedHandler,
  type WorkerMessageHandler,
  WorkerServer,
} from './server/worker-server.js'
