import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { alias } from '../../examples/browser/vite.config.js'

export interface BuiltPages {
  /** The address of a page: a file below `examples/browser` or `test/browser/pages`. */
  url(path: string): string
  close(): Promise<void>
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PAGES = ['examples/browser/index.html', 'test/browser/pages/inspector.html']

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  css: 'text/css',
}

/** Builds the example and the pages of the tests as an application would be built, and serves them from memory. */
export async function buildPages(): Promise<BuiltPages> {
  const output = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'warn',
    resolve: { alias },
    build: {
      target: 'es2022',
      write: false,
      minify: false,
      rolldownOptions: { input: PAGES.map((page) => `${ROOT}${page}`) },
    },
  })
  if (!('output' in output)) throw new TypeError('Vite gave no output')
  const files = new Map(
    output.output.map((file) => [`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source]),
  )
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const body = files.get(pathname)
    const type = TYPES[pathname.slice(pathname.lastIndexOf('.') + 1)] ?? 'application/octet-stream'
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: (path) => `http://127.0.0.1:${port}/${path}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
