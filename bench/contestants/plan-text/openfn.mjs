/**
 * `node openfn.mjs RUNS [no-hook]`: the runtime as it is called, or without the loader hook that it registers anew with each
 * run, which users have to turn off. Needs --experimental-vm-modules.
 */
import run from '@openfn/runtime'
import { JOB, measure } from './job.mjs'

const options = process.argv[3] === 'no-hook' ? { disableEsmHook: true } : {}
await measure((input) => run(JOB, input, options))
process.exit(0)
