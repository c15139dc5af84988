import run from '@openfn/runtime'
import { JOB, measure } from './job.mjs'

// Needs --experimental-vm-modules. The loader hook it would register anew with each run is left out.
await measure((input) => run(JOB, input, { disableEsmHook: true }))
process.exit(0)
