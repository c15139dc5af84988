/** `node import.mjs NAME`: milliseconds until `import NAME` is done, in a process that has just begun. */
import { performance } from 'node:perf_hooks'
import { report } from '../stopwatch.mjs'

const IMPORTS = {
  busline: () => import('../../dist/index.js'),
  'its dependencies': () => Promise.all([import('mitt'), import('immer')]),
  xstate: () => import('xstate'),
  effect: () => import('effect'),
  rxjs: () => import('rxjs'),
}

const load = IMPORTS[process.argv[2]]
const startedAt = performance.now()
await load()
report(performance.now() - startedAt)
