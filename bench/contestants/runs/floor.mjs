/** By hand: a mitt handler that awaits the three functions and writes what they give with immer. */
import mitt from 'mitt'
import { produce } from 'immer'
import { createFinishLine, ratePerSecond, report } from '../stopwatch.mjs'
import { addTax, addUp, close, initialState, order } from './order.mjs'

const emitter = mitt()
const line = createFinishLine()

emitter.on('order:placed', async (payload) => {
  let state = initialState(payload)
  for (const stage of [addUp, addTax, close]) {
    const output = await stage(state)
    state = produce(state, (draft) => {
      Object.assign(draft, output)
    })
  }
  if (state.status === 'closed') line.finished()
})

report(
  await ratePerSecond((batch) => {
    const done = line.expect(batch)
    for (let index = 0; index < batch; index++) emitter.emit('order:placed', order)
    return done
  }),
)
