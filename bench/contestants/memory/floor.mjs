/** By hand, as in `../runs/floor.mjs`: says how much of the growth is the measuring itself. */
import mitt from 'mitt'
import { produce } from 'immer'
import { createFinishLine } from '../stopwatch.mjs'
import { addTax, addUp, close, initialState, order } from '../runs/order.mjs'
import { heapGrowth } from './heap.mjs'

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
  line.finished()
})

let count = 0
await heapGrowth((batch) => {
  const done = line.expect(batch)
  for (let index = 0; index < batch; index++) {
    emitter.emit('order:placed', { ...order, orderId: `o-${count++}` })
  }
  return done
})
