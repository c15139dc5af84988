/**
 * `node openfn.mjs one|ten|state`: the published runtime, without the loader hook that it would register anew with each run
 * (18 ms a run after some thousands).
 */
import run from '@openfn/runtime'
import { ratePerSecond, report } from '../stopwatch.mjs'
import { check, input, plan } from './plans.mjs'

const options = { disableEsmHook: true }
check(await run(plan, input, options))
report(
  await ratePerSecond(
    async (batch) => {
      for (let each = 0; each < batch; each++) await run(plan, input, options)
    },
    { batch: 1 },
  ),
)
