import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SystemError } from '../../core/system-error.js'
import {
  type InspectorHandlerOptions,
  type InspectorTarget,
  inspectorHandler,
} from '../handler/inspector-handler.js'
import { readInspectorScript } from './inspector-script.js'
import { toNodeListener } from './node-listener.js'

export interface ServeInspectorOptions extends InspectorHandlerOptions {
  /** 0 for any that is free. @default 0 */
  readonly port?: number
  /** The address to listen on; any but this machine's own needs a token. @default '127.0.0.1' */
  readonly host?: string
}

export interface InspectorServer {
  /** What to open in a browser; with a token, it stands in the fragment, which browsers do not send. */
  readonly url: string
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Serves the inspector. Resolves when it listens.
 *
 * @throws {SystemError} `VALIDATION` when it would be open to others without a token; `UNAVAILABLE` when the port is taken.
 */
export async function serveInspector(
  target: InspectorTarget,
  options: ServeInspectorOptions = {},
): Promise<InspectorServer> {
  const { port = 0, host = '127.0.0.1', token } = options
  if (token === undefined && !/^(127\.|::1$|localhost$)/.test(host)) {
    throw new SystemError('VALIDATION', `Cannot serve the inspector on ${host} without a "token"`)
  }
  const handler = inspectorHandler(target, { script: readInspectorScript, ...options })
  const server = createServer(toNodeListener(handler))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `Cannot serve the inspector on ${host}:${port}: ${cause.message}`
      reject(new SystemError('UNAVAILABLE', message, { cause, context: { host, port } }))
    })
    server.listen(port, host, resolve)
  })
  const { address, port: bound, family } = server.address() as AddressInfo
  const base = `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}${options.basePath ?? ''}/`
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      // Live streams would keep it open for as long as somebody looks.
      server.closeAllConnections()
    })
  return {
    url: token === undefined ? base : `${base}#token=${encodeURIComponent(token)}`,
    close,
    [Symbol.asyncDispose]: close,
  }
}
