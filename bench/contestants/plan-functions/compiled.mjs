/** `node compiled.mjs one|ten|state`: the plan is compiled once. */
import { compilePlan } from '../../dist/plan/index.js'
import { ratePerSecond, report } from '../stopwatch.mjs'
import { check, input, plan } from './plans.mjs'

const compiled = compilePlan(plan)
check(await compiled.run(input))
report(
  await ratePerSecond(
    async (batch) => {
      for (let each = 0; each < batch; each++) await compiled.run(input)
    },
    { batch: 1 },
  ),
)
