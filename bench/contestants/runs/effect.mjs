/** Effect: per event a fiber that runs the three functions in a generator. No run is kept, named or reported. */
import mitt from 'mitt'
import { Effect } from 'effect'
import { createFinishLine, ratePerSecond, report } from '../stopwatch.mjs'
import { addTax, addUp, close, initialState, order } from './order.mjs'

const emitter = mitt()
const line = createFinishLine()

const run = (payload) =>
  Effect.gen(function* () {
    let state = initialState(payload)
    for (const stage of [addUp, addTax, close]) {
      state = { ...state, ...(yield* Effect.promise(() => stage(state))) }
    }
    return state
  })

emitter.on('order:placed', async (payload) => {
  const state = await Effect.runPromise(run(payload))
  if (state.status === 'closed') line.finished()
})

report(
  await ratePerSecond((batch) => {
    const done = line.expect(batch)
    for (let index = 0; index < batch; index++) emitter.emit('order:placed', order)
    return done
  }),
)
