import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const fromHere = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** In this repository `busline` is its source; an application has the package instead, and needs no alias. */
export const alias = [
  { find: /^busline$/, replacement: fromHere('../../src/index.ts') },
  { find: /^busline\/(.+)$/, replacement: `${fromHere('../../src')}/$1/index.ts` },
]

export default defineConfig({
  root: fromHere('.'),
  base: './',
  resolve: { alias },
  build: { target: 'es2022' },
})
