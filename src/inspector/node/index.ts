/**
 * `busline/inspector/node`: the inspector on `node:http`. Guide: `docs/inspector.md`.
 */
export { readInspectorScript } from './inspector-script.js'
export { type NodeListener, toNodeListener } from './node-listener.js'
export { type InspectorServer, type ServeInspectorOptions, serveInspector } from './serve-inspector.js'
