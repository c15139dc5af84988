/** `node busline.mjs one|ten|state`: each run from the plan itself, as `run(plan, input)`. */
import { run } from '../../dist/plan/index.js'
import { ratePerSecond, report } from '../stopwatch.mjs'
import { check, input, plan } from './plans.mjs'

check(await run(plan, input))
report(
  await ratePerSecond(
    async (batch) => {
      for (let each = 0; each < batch; each++) await run(plan, input)
    },
    { batch: 1 },
  ),
)
