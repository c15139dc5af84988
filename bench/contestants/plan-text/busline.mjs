import run from '../../dist/plan/index.js'
import { JOB, measure } from './job.mjs'

await measure((input) => run(JOB, input))
