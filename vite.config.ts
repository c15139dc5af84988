import { fileURLToPath } from 'node:url'
import type { BuildOptions, Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

/** One row per subpath of the `exports` map in package.json; a test holds the two against each other. */
export const entries: Record<string, string> = {
  index: 'src/index.ts',
  'testing/index': 'src/testing/index.ts',
  'timeline/index': 'src/timeline/index.ts',
  'storage/indexeddb/index': 'src/storage/indexeddb/index.ts',
  'storage/sqlite/index': 'src/storage/sqlite/index.ts',
  'storage/postgres/index': 'src/storage/postgres/index.ts',
  'storage/encryption/index': 'src/storage/encryption/index.ts',
  'inspector/index': 'src/inspector/index.ts',
  'inspector/node/index': 'src/inspector/node/index.ts',
  'workers/index': 'src/workers/index.ts',
  'workers/node/index': 'src/workers/node/index.ts',
  'workers/web/index': 'src/workers/web/index.ts',
  'remote/index': 'src/remote/index.ts',
  'remote/client/index': 'src/remote/client/index.ts',
  'plan/index': 'src/plan/index.ts',
  'plan/node/index': 'src/plan/node/index.ts',
  'plan/sandbox/index': 'src/plan/sandbox/index.ts',
}

/** Commands of the `bin` map in package.json, and scripts of threads: nobody imports them. */
export const commands: Record<string, string> = {
  'cli/main': 'src/cli/main.ts',
  'cli/load-worker': 'src/cli/worker/load-worker.ts',
}

/** The scripts of workers, which nobody imports. */
const workers: Record<string, string> = {
  'plan/sandbox/engine-worker': 'src/plan/sandbox/engine-worker.ts',
  'plan/node/thread-worker': 'src/plan/node/thread-worker.ts',
}

/** The modules that start workers: files of their own beside the scripts, which they find by their address. */
const spawners = ['plan/sandbox/spawn-engine-worker', 'plan/node/spawn-thread-worker']

const fromHere = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const library: BuildOptions = {
  target: 'es2022',
  sourcemap: true,
  minify: false,
  lib: { entry: { ...entries, ...commands, ...workers }, formats: ['es'] },
  rolldownOptions: {
    // Dependencies stay imports of the consumer's own copies: nothing is bundled twice in an application.
    external: (id) => !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('\0'),
    output: {
      chunkFileNames: ({ name }) => (spawners.includes(name) ? '[name].js' : 'chunks/[name]-[hash].js'),
      codeSplitting: {
        groups: spawners.map((name) => ({ name, test: (id) => id.endsWith(`/${name}.ts`) })),
      },
    },
  },
}

const ENGINE_WORKER = "new URL('./engine-worker.js', import.meta.url)"

/** Hides the address of a Web Worker from this build, which would pack its script, so that an application's build sees it. */
const keepWorkerAddress: Plugin = {
  name: 'keep-worker-address',
  apply: 'build',
  enforce: 'pre',
  transform: (code, id) =>
    id.endsWith('/spawn-engine-worker.ts')
      ? { code: code.replace(ENGINE_WORKER, '__ENGINE_WORKER__'), map: { mappings: '' } }
      : null,
  renderChunk: (code) =>
    code.includes('__ENGINE_WORKER__')
      ? { code: code.replace('__ENGINE_WORKER__', ENGINE_WORKER), map: { mappings: '' } }
      : null,
}

/** The script of the page that the inspector serves: one file that needs no other. */
const inspectorPage: BuildOptions = {
  target: 'es2022',
  outDir: 'dist/inspector',
  emptyOutDir: false,
  lib: { entry: 'src/inspector/page/main.ts', formats: ['es'], fileName: () => 'page.js' },
  rolldownOptions: { output: { codeSplitting: false } },
}

export default defineConfig(({ mode }) => ({
  build: mode === 'inspector-page' ? inspectorPage : library,
  plugins: mode === 'inspector-page' ? [] : [keepWorkerAddress],
  // A library leaves this to the application; the page has nobody to leave it to.
  define: mode === 'inspector-page' ? { 'process.env.NODE_ENV': '"production"' } : {},
  resolve: {
    alias: [
      { find: /^busline$/, replacement: fromHere('src/index.ts') },
      { find: /^busline\/(.+)$/, replacement: fromHere('src') + '/$1/index.ts' },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // For a machine that is busy with something else as well: only what never comes is to fail.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
  },
}))
