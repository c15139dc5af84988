import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const fromHere = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The page is built from the sources of Busline, with paths that work wherever it is put. */
export default defineConfig({
  root: fromHere('.'),
  base: './',
  resolve: {
    alias: [
      { find: /^busline$/, replacement: fromHere('../../src/index.ts') },
      { find: /^busline\/(.+)$/, replacement: `${fromHere('../../src')}/$1/index.ts` },
    ],
  },
  build: { target: 'es2022', outDir: fromHere('../dist/simulator'), emptyOutDir: true },
})
