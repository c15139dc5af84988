/**
 * `busline/inspector`: looks at timelines. `<busline-inspector>` for pages, and a handler that serves it; both free of
 * Node's modules. `busline/inspector/node` puts the handler on `node:http`. Guide: `docs/inspector.md`.
 */
export { BuslineInspector, type InspectorPage, defineInspector } from './busline-inspector.js'
export {
  type InspectorHandler,
  type InspectorHandlerOptions,
  type InspectorTarget,
  inspectorHandler,
} from './handler/inspector-handler.js'
export { type HttpSourceOptions, httpSource } from './http-source.js'
export type {
  InspectedRuntime,
  InspectedWorkers,
  InspectorCapabilities,
  InspectorSource,
  RunCommand,
  RunListener,
  WorkerLine,
  WorkersStatus,
} from './inspector-source.js'
export { type TimelineSourceOptions, timelineSource } from './timeline-source.js'
